"""Certifying an export: its manifest first, then each file by the rules of its format, then the counts."""

from collections.abc import Callable

from app.certifying.certificate import Certificate
from app.certifying.conversations import check_conversations
from app.certifying.manifest import check_counts, read_manifest
from app.certifying.mimic_it import check_mimic_it
from app.certifying.reading import Folder
from app.certifying.review import Review
from app.certifying.tables import check_tables
from app.pipeline.export_schemas import MANIFEST_NAME

_CHECKS: dict[str, Callable[[Review], None]] = {
    "mimic-it": check_mimic_it,
    "llava": check_conversations,
    "sharegpt": check_conversations,
    "openai": check_conversations,
    "jsonl": check_tables,
    "csv": check_tables,
    "parquet": check_tables,
}


def certify(folder: Folder) -> Certificate:
    """Read an export as its loaders will. What the folder raises but FileNotFoundError goes to the caller."""
    certificate = Certificate()
    manifest = read_manifest(folder, certificate)
    if manifest is None:
        return certificate
    check = _CHECKS.get(manifest.format)
    if check is None:
        certificate.note(
            "unknown_format", MANIFEST_NAME, "format", f"{manifest.format!r} is not one of {list(_CHECKS)}"
        )
        return certificate
    review = Review(folder, manifest, certificate)
    check(review)
    check_counts(review)
    return certificate
