"""Datasets: from a file of annotations to rows, all or nothing, and how they look to a client."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import Fault, InvalidRequestError, InvalidUploadError
from app.ids import encode_id
from app.services.annotations import Batch, Outcome, Row, batch_outcomes, read_inline_items, read_plain_items
from app.services.kinds import kind_of
from app.services.prompts import NAME_PATTERN
from app.store import datasets as store
from app.store.models import Dataset, DatasetError, Item
from datasets.record_values import FileFormatError, RecordError
from datasets.records import FileFormat, parse_format
from datasets.registry import DEFAULT_KIND, KindInfo

ERRORS_STORED = 100_000
ERRORS_SHOWN = 1_000
SAMPLES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """What an upload is to become; `name` None asks for one made of the kind and the time."""

    name: str | None = None
    kind: str | None = None
    format: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class NewDataset:
    """A request that holds: `kind_name` is None for plain items without a kind."""

    id: int
    name: str
    kind: KindInfo
    kind_name: str | None
    file_format: FileFormat | None
    strict: bool


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of annotations on this machine, with its size in bytes and its sha256."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class InlineItems:
    """Items that came inside a JSON body, with the body's size and sha256."""

    items: list[object]
    bytes: int
    sha256: str


Source = SourceFile | InlineItems


@dataclass(slots=True)
class Load:
    """What a file brought so far."""

    items: int = 0
    errors: int = 0
    has_images: bool = False
    distinct: store.DistinctCounts = field(default_factory=lambda: store.DistinctCounts(0, 0))
    first_errors: list[RecordError] = field(default_factory=list)
    samples: list[Row] = field(default_factory=list)


def check_request(request: DatasetRequest) -> NewDataset:
    """Everything about a request that can be told before its body is read.

    Raises InvalidRequestError with every fault: unknown kind, unknown format, a name out of pattern.
    """
    kind_name = request.kind or None
    faults = [*_check_name(request.name), *_check_format(request.format)]
    if faults:
        raise InvalidRequestError("The upload's parameters are not valid.", errors=faults)
    kind = kind_of(kind_name)
    dataset_id = new_id()
    name = request.name or _invent_name(kind, dataset_id)
    file_format = parse_format(request.format) if request.format and request.format != "auto" else None
    return NewDataset(dataset_id, name, kind, kind.name if kind_name else None, file_format, request.strict)


async def create_dataset(session: AsyncSession, new: NewDataset, source: Source) -> Dataset:
    """Load a file into a dataset; nothing stays when it fails.

    Raises NameTakenError; InvalidUploadError for a file that is no JSON, holds no good record, or (strict) any bad one.
    """
    await store.reserve_name(session, new.name)
    row = _make_row(new, source)
    session.add(row)
    await session.flush()
    load = await _load(session, new, source, store.ITEM_TABLE)
    row.items, row.errors = load.items, load.errors
    row.unique_source_ids, row.images = load.distinct.source_ids, load.distinct.images
    await session.flush()
    return row


async def validate_upload(session: AsyncSession, new: NewDataset, source: Source) -> dict[str, Any]:
    """What an upload would bring, without bringing it: the report as JSON. The session must not commit.

    Raises InvalidUploadError for a file that is no JSON.
    """
    table = await store.make_dry_table(session)
    load = await _load(session, new, source, table)
    return {
        "object": "dataset.validation",
        "valid": load.items > 0 and not (new.strict and load.errors),
        "kind": new.kind_name,
        "abbr": new.kind.abbr,
        "bytes": source.bytes,
        "sha256": source.sha256,
        "counts": {
            "items": load.items,
            "unique_source_ids": load.distinct.source_ids,
            "images": load.distinct.images,
            "errors": load.errors,
        },
        "errors": [describe_error(error) for error in load.first_errors],
        "samples": [_describe_sample(row) for row in load.samples],
    }


async def _load(session: AsyncSession, new: NewDataset, source: Source, table: str) -> Load:
    load = Load()
    is_dry = table == store.DRY_TABLE
    try:
        async with aclosing(_read_ahead(_open_batches(new, source))) as batches:
            async for batch in batches:
                _note(load, batch)
                await _store_batch(session, new, batch, load, table)
    except FileFormatError as error:
        fault = Fault("", "not_readable", error.message, line=error.line)
        raise InvalidUploadError(f"The file cannot be read: {error}", errors=[fault]) from error
    if not is_dry:
        _refuse_useless(load, strict=new.strict)
    load.distinct = await store.count_distinct(session, table, new.id, has_images=load.has_images)
    return load


async def _store_batch(session: AsyncSession, new: NewDataset, batch: Batch, load: Load, table: str) -> None:
    is_dry = table == store.DRY_TABLE
    if new.strict and load.errors and not is_dry:
        return
    if batch.errors and not is_dry:
        await _copy_errors(session, new.id, batch, load.errors)
    if batch.rows:
        await store.copy_items(session, table, batch.rows)


def _open_batches(new: NewDataset, source: Source) -> Generator[Batch]:
    outcomes: Iterator[Outcome]
    if isinstance(source, InlineItems):
        outcomes = read_inline_items(source.items)
    elif new.kind.name == DEFAULT_KIND:
        outcomes = read_plain_items(source.path, new.file_format)
    else:
        outcomes = new.kind.open_query_inputs(source.path, new.file_format)
    return batch_outcomes(outcomes, new.id)


async def _read_ahead(batches: Generator[Batch]) -> AsyncGenerator[Batch]:
    """Read the next batch in a thread while this one is stored; never more than two in memory."""
    ahead = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
    try:
        while (batch := await asyncio.shield(ahead)) is not None:
            ahead = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
            yield batch
    finally:
        await asyncio.wait({ahead})  # the thread reads a file that is removed next
        ahead.exception()  # noted, for whoever left early
        batches.close()


def _note(load: Load, batch: Batch) -> None:
    load.items += len(batch.rows)
    load.errors += len(batch.errors)
    load.has_images = load.has_images or batch.has_images
    load.first_errors += batch.errors[: ERRORS_SHOWN - len(load.first_errors)]
    load.samples += batch.rows[: SAMPLES_SHOWN - len(load.samples)]


async def _copy_errors(session: AsyncSession, dataset_id: int, batch: Batch, errors_so_far: int) -> None:
    first = errors_so_far - len(batch.errors)
    kept = batch.errors[: max(0, ERRORS_STORED - first)]
    if kept:
        rows = [
            (dataset_id, first + index, error.line, error.pointer, error.code, error.message, error.source_id)
            for index, error in enumerate(kept)
        ]
        await store.copy_errors(session, rows)


def _refuse_useless(load: Load, *, strict: bool) -> None:
    if load.items and not (strict and load.errors):
        return
    total = load.errors
    if load.items:
        detail = f"{total:,} of {load.items + total:,} records are bad, and strict=true takes none of them."
    elif total:
        detail = f"None of the {total:,} records is good."
    else:
        detail = "The file holds no records."
    faults = [Fault(error.pointer, error.code, error.message, line=error.line) for error in load.first_errors]
    extra: dict[str, object] = {"total_errors": total, "counts": {"items": load.items, "errors": total}}
    raise InvalidUploadError(detail, errors=faults or [Fault("", "no_records", detail)], extra=extra)


def _check_name(name: str | None) -> list[Fault]:
    if name is None or NAME_PATTERN.fullmatch(name):
        return []
    message = "A name is 1 to 100 letters, digits, dots, underscores and hyphens, and begins with a letter or digit."
    return [Fault("name", "invalid_name", message)]


def _check_format(name: str | None) -> list[Fault]:
    if name in (None, "", "auto", "json", "jsonl"):
        return []
    return [Fault("format", "unknown_format", f"The format {name!r} is unknown; send json, jsonl, or leave it out.")]


def _invent_name(kind: KindInfo, dataset_id: int) -> str:
    return f"{kind.abbr.lower()}-{utc_now():%Y%m%d-%H%M%S}-{encode_id('dataset', dataset_id)[-4:]}"


def _make_row(new: NewDataset, source: Source) -> Dataset:
    return Dataset(
        id=new.id,
        name=new.name,
        kind=new.kind_name,
        abbr=new.kind.abbr,
        format=new.file_format or "auto",
        state="ready",
        bytes=source.bytes,
        sha256=source.sha256,
        created_at=utc_now(),
    )


def describe_dataset(row: Dataset) -> dict[str, Any]:
    """The dataset as a client sees it."""
    return {
        "id": encode_id("dataset", row.id),
        "object": "dataset",
        "name": row.name,
        "version": row.version,
        "kind": row.kind,
        "abbr": row.abbr,
        "format": row.format,
        "state": row.state,
        "failure": row.failure,
        "created_at": row.created_at,
        "bytes": row.bytes,
        "sha256": row.sha256,
        "counts": {
            "items": row.items,
            "unique_source_ids": row.unique_source_ids,
            "images": row.images,
            "errors": row.errors,
        },
        "images": {
            "uploaded": row.images_uploaded,
            "missing": row.images - row.images_matched,
            "surplus": row.images_uploaded - row.images_matched,
        },
    }


def describe_item(row: Item) -> dict[str, Any]:
    """The item as a client sees it."""
    return {
        "id": encode_id("item", row.id),
        "object": "item",
        "dataset_id": encode_id("dataset", row.dataset_id),
        "position": row.position,
        "source_id": row.source_id,
        "sentences": row.sentences,
        "image_ids": row.image_ids,
    }


def describe_error(row: DatasetError | RecordError) -> dict[str, Any]:
    """A refused record as a client sees it."""
    return {
        "object": "dataset_error",
        "line": row.line,
        "pointer": row.pointer,
        "code": row.code,
        "message": row.message,
        "source_id": row.source_id,
    }


def _describe_sample(row: Sequence[Any]) -> dict[str, Any]:
    _, position, source_id, sentences, image_ids, _ = row
    return {"position": position, "source_id": source_id, "sentences": sentences, "image_ids": image_ids}
