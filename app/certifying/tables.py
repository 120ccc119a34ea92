"""Tables of pairs as pyarrow opens them: jsonl, csv, parquet with the same columns and rules."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from app.certifying.certificate import Certificate
from app.certifying.manifest import compare_counts
from app.certifying.names import Hashes, NameSets, find_repeated, find_shared, find_strange
from app.certifying.pictures import PictureSet, check_pictures
from app.certifying.reading import iter_lines
from app.certifying.review import ENGLISH, Review, keep_first, skip_first, texts_of
from app.certifying.rows import Row, check_row
from app.pipeline.export_schemas import LIST_COLUMNS, PAIR_COLUMNS

BLOCK_BYTES = 8 << 20  # a row may not be longer
ROWS_PER_BATCH = 1_000

_TYPES = {"text": pa.string(), "number": pa.int32(), "texts": pa.list_(pa.string())}
_SCHEMA = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in PAIR_COLUMNS.items()])
_CELLS = {name: pa.int32() if kind == "number" else pa.string() for name, kind in PAIR_COLUMNS.items()}


@dataclass(frozen=True, slots=True)
class _Side:
    """The names of one split's file."""

    file: str
    strange: Hashes
    ids: NameSets
    images: NameSets
    sources: NameSets


def check_tables(review: Review) -> None:
    """Every rule, over all files of the export."""
    by_language: Counter[str] = Counter()
    with ExitStack() as stack:
        pictures = check_pictures(review, stack)
        sides = []
        for file in review.manifest.list_role("pairs"):
            side = _Side(file.name, set(), *(stack.enter_context(NameSets()) for _ in range(3)))
            sides.append(side)
            _check_file(review, side, by_language, pictures)
        if not sides:
            review.note("missing_file", "the table of pairs", "", "the export has no such file")
        _check_links(review, sides)
        for number, one in enumerate(sides):
            for other in sides[number + 1 :]:
                _check_sides(review, one, other)
    compare_counts(review, by_language)


def _check_file(review: Review, side: _Side, by_language: Counter[str], pictures: PictureSet | None) -> None:
    rows = 0
    with NameSets() as links:
        for place, row in iter_rows(review, side.file, review.certificate):
            rows += 1
            if check_row(review, side.file, place, row):
                by_language[str(row["language"])] += 1
                _add_names(review, side, links, row)
        review.count(side.file, rows)
        side.strange.update(find_strange(links, side.ids))
    repeated = review.locate(find_repeated(side.ids), lambda: _iter(review, side.file, "id"))
    for place, key in skip_first(repeated):
        review.note("repeated_id", side.file, f"{place}, {key}", "the id occurs twice in this file")
    if pictures is not None:
        missing = review.locate(
            find_strange(side.images, pictures.names), lambda: _iter(review, side.file, "image_ids")
        )
        for place, image in keep_first(missing):
            review.note("missing_image", side.file, place, f"there is no picture for {image}; upload it")


def _add_names(review: Review, side: _Side, links: NameSets, row: Row) -> None:
    side.ids.add(str(row["id"]))
    side.sources.add(str(row["source_id"]))
    for image in texts_of(row["image_ids"]):
        side.images.add(image)
    for link in _links_of(review, row):
        links.add(link)


def _check_links(review: Review, sides: list[_Side]) -> None:
    """Name each link that leads nowhere, or to another side."""
    for side in sides:
        for place, link in review.locate(side.strange, lambda side=side: _iter_links(review, side.file)):  # type: ignore[misc]
            other = next((other.file for other in sides if other is not side and other.ids.has(link)), None)
            if other is None:
                review.note("dangling_link", side.file, place, f"{link} is linked to, but is not in this file")
            else:
                review.note("cross_split_link", side.file, place, f"{link} is linked to, but is in {other}")


def _check_sides(review: Review, one: _Side, other: _Side) -> None:
    """No id, image or source on two sides."""
    for shared, column, code in (
        (find_shared(one.ids, other.ids), "id", "id_in_two_splits"),
        (find_shared(one.images, other.images), "image_ids", "image_in_two_splits"),
        (find_shared(one.sources, other.sources), "source_id", "source_in_two_splits"),
    ):
        for place, name in review.locate(shared, lambda column=column: _iter(review, other.file, column)):  # type: ignore[misc]
            review.note(code, other.file, place, f"{name} is in {one.file} too")


def iter_rows(review: Review, name: str, certificate: Certificate) -> Iterator[tuple[str, Row]]:
    """(`row N` from 1, values by column); notes `unreadable` and `wrong_schema`. Lists of a csv are parsed."""
    number = 0
    try:
        with review.folder.open(name) as stream:
            for batch in _open(review.manifest.format, stream):
                fault = _fault_of_schema(batch.schema, review.manifest.format)
                if fault:
                    certificate.note("wrong_schema", name, "", fault)
                    return
                for row in _iter_values(batch):
                    number += 1
                    yield f"row {number}", _parse_lists(row) if review.manifest.format == "csv" else row
    except (pa.ArrowException, ValueError) as error:
        certificate.note("unreadable", name, f"after row {number}", f"pyarrow cannot read it: {error}")


def _open(table_format: str, stream: BinaryIO) -> Iterator[pa.RecordBatch]:
    if table_format == "parquet":
        return iter(pq.ParquetFile(stream).iter_batches(ROWS_PER_BATCH))
    if table_format == "csv":
        return iter(
            pc.open_csv(
                stream,
                pc.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                pc.ParseOptions(newlines_in_values=True),
                pc.ConvertOptions(column_types=_CELLS, strings_can_be_null=False),
            )
        )
    return _open_lines(stream)


def _open_lines(stream: BinaryIO) -> Iterator[pa.RecordBatch]:
    """Some lines at a time: the streaming reader of pyarrow reads far ahead."""
    parse = pj.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="infer")
    lines = iter_lines(stream)
    while chunk := b"\n".join(islice(lines, ROWS_PER_BATCH)):
        options = pj.ReadOptions(use_threads=False, block_size=len(chunk) + 1)
        yield from pj.read_json(pa.BufferReader(chunk), options, parse).to_batches()


def _iter_values(batch: pa.RecordBatch) -> Iterator[Row]:
    """A few rows at a time: as objects they take many times the room."""
    for start in range(0, batch.num_rows, ROWS_PER_BATCH):
        yield from batch.slice(start, ROWS_PER_BATCH).to_pylist()


def _fault_of_schema(schema: pa.Schema, table_format: str) -> str | None:
    wanted = _CELLS if table_format == "csv" else {field.name: field.type for field in _SCHEMA}
    found = {field.name: field.type for field in schema}
    if list(found) != list(wanted):
        strange = sorted(set(found) ^ set(wanted)) or ["the order of columns"]
        return f"the columns are not those of a table of pairs: {', '.join(strange)}"
    wrong = [name for name, kind in wanted.items() if found[name] != kind]
    return f"the column {wrong[0]} has the type {found[wrong[0]]}" if wrong else None


def _parse_lists(row: Row) -> Row:
    parsed = dict(row)
    for name in LIST_COLUMNS:
        try:
            parsed[name] = orjson.loads(str(row[name]))
        except ValueError:
            parsed[name] = None
    parsed["translation_of"] = row["translation_of"] or None
    return parsed


def _links_of(review: Review, row: Row) -> list[str]:
    """Ids that must be in the same file: where English was not ordered, what translations link to is elsewhere."""
    if ENGLISH not in review.manifest.languages:
        return []
    original = row["translation_of"]
    return texts_of(row["related_pair_ids"]) + ([original] if isinstance(original, str) else [])


def _iter(review: Review, name: str, column: str) -> Iterator[tuple[str, str]]:
    for place, row in iter_rows(review, name, Certificate()):
        value = row.get(column)
        for text in [value] if isinstance(value, str) else texts_of(value):
            yield place, text


def _iter_links(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, row in iter_rows(review, name, Certificate()):
        for link in _links_of(review, row):
            yield f"{place}, {row['id']}", link
