"""One row of a table of pairs."""

from app.certifying.review import ENGLISH, Review, are_texts, is_blank, texts_of
from app.pipeline.export_schemas import FORMULA_STARTS, LIST_COLUMNS, NUMBER_COLUMNS

Row = dict[str, object]

_TEXTS = ("id", "source_id", "language", "instruction", "response", "status")


def check_row(review: Review, name: str, place: str, row: Row) -> bool:
    """Note what is wrong with a row; False where its values have the wrong types, so that nothing can follow them."""
    wrong = [column for column in NUMBER_COLUMNS if not isinstance(row[column], int)]
    wrong += [column for column in _TEXTS if not isinstance(row[column], str)]
    wrong += [column for column in LIST_COLUMNS if not are_texts(row[column])]
    wrong += ["translation_of"] if not isinstance(row["translation_of"], str | None) else []
    if wrong:
        review.note("wrong_value", name, place, f"the column {wrong[0]} has {row[wrong[0]]!r}")
        return False
    for column in _TEXTS:
        if is_blank(row[column]):
            review.note(f"blank_{column}", name, f"{place}, {row['id']}", f"the {column} has no text")
    _check_language(review, name, f"{place}, {row['id']}", row)
    links = texts_of(row["related_pair_ids"])
    review.certificate.links += len(links)
    if row["id"] in links or row["translation_of"] == row["id"]:
        review.note("self_link", name, f"{place}, {row['id']}", "the pair is related to itself")
    if len(set(links)) != len(links):
        review.note("repeated_link", name, f"{place}, {row['id']}", "a related id is named twice")
    if row["image_ids"] and review.manifest.images == "none":
        review.note("unexpected_images", name, place, "the export was ordered without images")
    if review.manifest.format == "csv":
        _check_cells(review, name, place, row)
    return True


def _check_language(review: Review, name: str, place: str, row: Row) -> None:
    if row["language"] not in review.manifest.languages:
        review.note("strange_language", name, place, f"{row['language']!r} was not ordered")
    if (row["language"] == ENGLISH) != (row["translation_of"] is None):
        review.note("wrong_original", name, place, "a translation names its English pair, an English pair none")


def _check_cells(review: Review, name: str, place: str, row: Row) -> None:
    for column in _TEXTS:
        if str(row[column]).startswith(FORMULA_STARTS):
            review.note("formula_cell", name, f"{place}, {row['id']}", f"a spreadsheet would run {column} as a formula")
