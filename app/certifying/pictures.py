"""Pictures of an export: base64 in parquet and json, or files in a tar, and whether each can be decoded."""

import tarfile
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from app.certifying.names import NameSets, find_repeated, find_strange
from app.certifying.reading import iter_members, load_member
from app.certifying.review import Review, skip_first
from app.pipeline.export_schemas import PART_BYTES, SQUARE_SIDE

ROWS_PER_BATCH = 64
TAR_FORMATS = ("PNG", "JPEG", "WEBP")

Row = tuple[str, str, object]


@dataclass(frozen=True, slots=True)
class PictureSet:
    """The pictures that are there; `contents` names each together with its text."""

    names: NameSets
    contents: NameSets


def check_pictures(review: Review, stack: ExitStack) -> PictureSet | None:
    """Every picture of the export, by the id (or file name) that pairs name it by; None where it has none.

    Parquet is what the loader opens, so each of its pictures is decoded; of `XX.json` those that differ from it.
    """
    if review.manifest.images != "base64" or review.manifest.format == "openai":
        return None
    found = PictureSet(stack.enter_context(NameSets()), stack.enter_context(NameSets()))
    parts = review.manifest.list_role("images")
    for part in parts:
        rows = 0
        for place, key, value in _iter_part(review, part.name):
            rows += 1
            found.names.add(key)
            if part.name.endswith(".tar"):
                _check_file(review, part.name, f"{place}, {key}", value)
            else:
                found.contents.add(f"{key}\n{value}")
                _check_square(review, part.name, f"{place}, {key}", value)
        review.count(part.name, rows)
        review.certificate.images += rows
    _check_repeated(review, found.names, [part.name for part in parts])
    for whole in review.manifest.list_role("images_json"):
        _check_json(review, whole.name, found)
    return found


def check_data_url(url: str) -> str | None:
    """What is wrong with a picture in a data URL; None for a sound one."""
    head, _, text = url.partition(",")
    if head not in {"data:image/png;base64", "data:image/jpeg;base64", "data:image/webp;base64"}:
        return "the URL is no picture in base64"
    try:
        return _fault_of_picture(b64decode(text, validate=True))
    except Base64Error as error:
        return f"the base64 cannot be read: {error}"


def _iter_part(review: Review, name: str) -> Iterator[Row]:
    return _iter_tar(review, name) if name.endswith(".tar") else _iter_parquet(review, name)


def _iter_parquet(review: Review, name: str) -> Iterator[Row]:
    """(`row N` from 0, image id, base64) of a part; notes `not_parquet`, `wrong_schema`, `part_too_large`."""
    try:
        with review.folder.open(name) as stream:
            stream.seek(0, 2)
            if stream.tell() > PART_BYTES:
                review.note("part_too_large", name, "", f"the part has more than {PART_BYTES:,} bytes")
            stream.seek(0)
            file = pq.ParquetFile(stream)
            fault = _fault_of_schema(file.schema_arrow)
            if fault:
                review.note("wrong_schema", name, "", fault)
                return
            number = 0
            for batch in file.iter_batches(ROWS_PER_BATCH):
                for key, value in zip(batch["id"].to_pylist(), batch["base64"].to_pylist(), strict=True):
                    yield f"row {number}", str(key), value
                    number += 1
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        review.note("not_parquet", name, "", f"pyarrow cannot read it: {error}")


def _fault_of_schema(schema: pa.Schema) -> str | None:
    texts = {pa.string(), pa.large_string()}
    if schema.names != ["id", "base64"] or any(field.type not in texts for field in schema):
        return "it has the index `id` and one column `base64`, both of texts"
    metadata = orjson.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    if metadata.get("index_columns") != ["id"]:
        return "pandas would not take `id` for the index, so `images.loc[id]` fails"
    return None


def _iter_tar(review: Review, name: str) -> Iterator[Row]:
    """(place, file name, bytes) of the files of a tar; notes `not_tar`, `unsafe_name`."""
    try:
        with review.folder.open(name) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, member in enumerate(archive):
                reader = archive.extractfile(member) if member.isfile() else None
                if reader is None or member.name.startswith("/") or ".." in member.name.split("/"):
                    review.note("unsafe_name", name, f"member {number}", f"{member.name!r} cannot be unpacked safely")
                    continue
                yield f"member {number}", member.name, reader.read()
    except tarfile.TarError as error:
        review.note("not_tar", name, "", f"the archive cannot be read: {error}")


def _check_json(review: Review, name: str, parts: PictureSet) -> None:
    """`XX.json` holds what the parquet holds."""
    with NameSets() as names, NameSets() as contents:
        rows = 0
        for place, member in iter_members(review.folder, name, "{", review.certificate):
            try:
                key, value = load_member(member)
            except ValueError as error:
                review.note("not_json", name, place, str(error))
                continue
            rows += 1
            names.add(key)
            contents.add(f"{key}\n{value}")
        review.count(name, rows)
        for place, key in skip_first(review.locate(find_repeated(names), lambda: _iter_keys(review, name))):
            review.note("repeated_image", name, f"{place}, {key}", "the image id occurs twice")
        strange = find_strange(contents, parts.contents)
        for place, content in review.locate(strange, lambda: _iter_contents(review, name)):
            key, _, value = content.partition("\n")
            if not _check_square(review, name, f"{place}, {key}", value):
                review.note("image_sets_differ", name, f"{place}, {key}", "the parquet has another picture, or none")
        if find_strange(parts.names, names):
            review.note("image_sets_differ", name, "", "the parquet has pictures that are not in this file")


def _iter_keys(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, content in _iter_contents(review, name):
        yield place, content.partition("\n")[0]


def _iter_contents(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, member in iter_members(review.folder, name, "{", type(review.certificate)()):
        try:
            key, value = load_member(member)
        except ValueError:
            continue
        yield place, f"{key}\n{value}"


def _check_repeated(review: Review, names: NameSets, parts: list[str]) -> None:
    located = review.locate(find_repeated(names), lambda: _iter_parts(review, parts))
    for place, key in skip_first(located):
        file, _, row = place.partition("\n")
        review.note("repeated_image", file, f"{row}, {key}", "the picture occurs twice")


def _iter_parts(review: Review, parts: list[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        yield from ((f"{part}\n{place}", key) for place, key, _ in _iter_part(review, part))


def _check_square(review: Review, name: str, place: str, value: object) -> bool:
    """Whether a fault was noted: the text is base64 to every reader, and an RGB PNG of the size that is trained on."""
    if not isinstance(value, str):
        review.note("bad_base64", name, place, "the value is no text")
        return True
    try:
        data = b64decode(value, validate=True)
        if urlsafe_b64decode(value) != data:
            raise ValueError("urlsafe and standard decoders read it differently")
    except ValueError as error:
        review.note("bad_base64", name, place, f"not every loader can decode it: {error}")
        return True
    fault = _fault_of_picture(data, is_square=True)
    if fault:
        review.note("not_an_rgb_square", name, place, fault)
    return fault is not None


def _check_file(review: Review, name: str, place: str, value: object) -> None:
    fault = _fault_of_picture(value if isinstance(value, bytes) else b"")
    if fault:
        review.note("not_a_picture", name, place, fault)


def _fault_of_picture(data: bytes, *, is_square: bool = False) -> str | None:
    try:
        with Image.open(BytesIO(data), formats=("PNG",) if is_square else TAR_FORMATS) as image:
            image.load()
            if is_square and image.mode != "RGB":
                return f"the picture is {image.mode}, not RGB"
            if is_square and image.size != (SQUARE_SIDE, SQUARE_SIDE):
                return f"the picture is {image.width}×{image.height}, not {SQUARE_SIDE}×{SQUARE_SIDE}"
            image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"the picture cannot be decoded: {error}"
    return None
