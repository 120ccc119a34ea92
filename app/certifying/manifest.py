"""manifest.json: every file of the export with its size and sha256, and counts that the files bear out."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from app.certifying.certificate import Certificate
from app.certifying.reading import BLOCK_BYTES, Folder
from app.certifying.review import ENGLISH, ListedFile, Manifest, Review
from app.pipeline.export_schemas import MANIFEST_NAME

_NEEDED = (
    "format",
    "made_with",
    "dataset",
    "job",
    "models",
    "prompts",
    "selection",
    "counts",
    "licence_notes",
    "files",
)


def read_manifest(folder: Folder, certificate: Certificate) -> Manifest | None:
    """The manifest with those of its files that are what it says; None where it cannot be read."""
    try:
        with folder.open(MANIFEST_NAME) as stream:
            content = orjson.loads(stream.read())
        if not isinstance(content, dict):
            raise TypeError("it is no object")
        missing = [key for key in _NEEDED if not content.get(key)]
        if missing:
            certificate.note("manifest_incomplete", MANIFEST_NAME, missing[0], f"it lacks {', '.join(missing)}")
            return None
        listed = tuple(ListedFile(**{key: entry[key] for key in ListedFile.__slots__}) for entry in content["files"])
    except FileNotFoundError:
        certificate.note("missing_file", MANIFEST_NAME, "", "the file is not there")
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        certificate.note("manifest_unreadable", MANIFEST_NAME, "", f"{type(error).__name__}: {error}")
        return None
    for name in sorted(folder.list_names() - {file.name for file in listed} - {MANIFEST_NAME}):
        certificate.note("unlisted_file", name, "", "the manifest does not name this file")
    sound = tuple(file for file in listed if _check_file(folder, file, certificate))
    selection = content["selection"]
    split = selection.get("split") or {}
    splits = tuple(name for name in ("train", "validation", "test") if split.get(name)) or (None,)
    return Manifest(
        content["format"],
        selection.get("images", "ids"),
        tuple(selection.get("languages") or (ENGLISH,)),
        splits,
        content["counts"],
        sound,
    )


def check_counts(review: Review) -> None:
    """The rows of each file, and the totals, are those that were read."""
    found = review.certificate.entries
    for file in review.manifest.files:
        if file.name in found and found[file.name] != file.rows:
            message = f"the manifest says {file.rows:,} rows, the file has {found[file.name]:,}"
            review.note("wrong_rows", file.name, "", message)


def compare_counts(review: Review, found: Mapping[str, int]) -> None:
    """Pairs by language as they were read are those of the manifest."""
    counts = review.manifest.counts
    said: dict[str, Any] = {**(counts.get("translations") or {})}
    if ENGLISH in review.manifest.languages or review.manifest.format == "mimic-it":
        said[ENGLISH] = counts.get("pairs")
    for language, count in said.items():
        if count != found.get(language, 0):
            message = f"the manifest says {count} pairs in {language!r}, the files have {found.get(language, 0):,}"
            review.note("wrong_count", MANIFEST_NAME, f"counts of {language}", message)


def _check_file(folder: Folder, file: ListedFile, certificate: Certificate) -> bool:
    """Whether the file is there, and no byte of it differs."""
    digest, size = sha256(), 0
    try:
        with folder.open(file.name) as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except FileNotFoundError:
        certificate.note("missing_file", file.name, "", "the manifest names this file, but it is not there")
        return False
    if size != file.bytes:
        certificate.note("wrong_bytes", file.name, "", f"the manifest says {file.bytes:,} bytes, it has {size:,}")
    elif digest.hexdigest() != file.sha256:
        certificate.note("wrong_sha256", file.name, "", "its sha256 is not that of the manifest")
    return True
