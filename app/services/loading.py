"""From annotations to rows: records are read in a thread and flow into the table as one COPY."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Fault, InvalidUploadError
from app.services.annotations import Batch, Outcome, Row, batch_outcomes, read_inline_items, read_plain_items
from app.services.upload_requests import InlineItems, NewDataset, Source
from app.store import datasets as store
from datasets.record_values import FileFormatError, RecordError
from datasets.registry import DEFAULT_KIND

ERRORS_STORED = 100_000
ERRORS_SHOWN = 1_000
SAMPLES_SHOWN = 3
_ERRORS_HELD = 4096

_NO_KIND = "No kind was named, so the records were read as {id, sentences}; GET /v1/kinds lists the kinds."


@dataclass(slots=True)
class Load:
    """What a file brought so far."""

    items: int = 0
    errors: int = 0
    has_images: bool = False
    distinct: store.DistinctCounts = field(default_factory=lambda: store.DistinctCounts(0, 0))
    first_errors: list[RecordError] = field(default_factory=list)
    samples: list[Row] = field(default_factory=list)


async def load_source(session: AsyncSession, new: NewDataset, source: Source, table: str) -> Load:
    """Read all of a source into a table of items, and its refused records beside them unless the table is the dry one.

    Raises InvalidUploadError for a file that is no JSON and, where the table is a real one, holds no good record, or
    (strict) any bad one.
    """
    is_dry = table == store.DRY_TABLE
    load = Load()
    try:
        async with aclosing(_read_ahead(_open_batches(new, source))) as batches:
            feed = _Feed(batches, load, stops_at_error=new.strict and not is_dry)
            while not feed.has_ended:
                async with aclosing(feed.run()) as rows:
                    await store.copy_items(session, table, rows)
                if not is_dry:
                    await _copy_errors(session, new.id, feed.refused, load.errors)
                feed.refused = []
    except FileFormatError as error:
        fault = Fault("", "not_readable", error.message, line=error.line)
        raise InvalidUploadError(f"The file cannot be read: {error}", errors=[fault]) from error
    if not is_dry:
        _refuse_useless(load, strict=new.strict, has_kind=new.kind_name is not None)
    load.distinct = await store.count_distinct(session, table, new.id, has_images=load.has_images)
    return load


@dataclass(slots=True)
class _Feed:
    """The rows of a source in runs, each for one COPY; what is told of them goes into `load`.

    One COPY takes rows while the next records are read; with one for each batch PostgreSQL and the reading waited for
    each other in turn. A run ends early where enough refused records wait for theirs.
    """

    batches: AsyncIterator[Batch]
    load: Load
    stops_at_error: bool
    refused: list[RecordError] = field(default_factory=list)
    has_ended: bool = False

    async def run(self) -> AsyncGenerator[Row]:
        async for batch in self.batches:
            _note(self.load, batch)
            self.refused += batch.errors
            if not (self.stops_at_error and self.load.errors):
                for row in batch.rows:
                    yield row
            if len(self.refused) >= _ERRORS_HELD:
                return
        self.has_ended = True


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


async def _copy_errors(session: AsyncSession, dataset_id: int, errors: list[RecordError], so_far: int) -> None:
    first = so_far - len(errors)
    kept = errors[: max(0, ERRORS_STORED - first)]
    if kept:
        rows = [
            (dataset_id, first + index, error.line, error.pointer, error.code, error.message, error.source_id)
            for index, error in enumerate(kept)
        ]
        await store.copy_errors(session, rows)


def _refuse_useless(load: Load, *, strict: bool, has_kind: bool) -> None:
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
    if total and not load.items and not has_kind:
        faults.append(Fault("kind", "no_kind", _NO_KIND))
    extra: dict[str, object] = {"total_errors": total, "counts": {"items": load.items, "errors": total}}
    raise InvalidUploadError(detail, errors=faults or [Fault("", "no_records", detail)], extra=extra)
