"""Datasets: from a file of annotations to rows, all or nothing, and how they look to a client."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.ids import encode_id
from app.services.loading import load_source
from app.services.upload_requests import NewDataset, Source
from app.store import datasets as store
from app.store.models import Dataset, DatasetError, Item
from datasets.record_values import RecordError


async def create_dataset(session: AsyncSession, new: NewDataset, source: Source) -> Dataset:
    """Load a file into a dataset; nothing stays when it fails.

    Raises NameTakenError; InvalidUploadError for a file that is no JSON, holds no good record, or (strict) any bad one.
    """
    await store.reserve_name(session, new.name)
    row = _make_row(new, source)
    session.add(row)
    await session.flush()
    load = await load_source(session, new, source, store.ITEM_TABLE)
    row.items, row.errors = load.items, load.errors
    row.unique_source_ids, row.images = load.distinct.source_ids, load.distinct.images
    await session.flush()
    return row


async def validate_upload(session: AsyncSession, new: NewDataset, source: Source) -> dict[str, Any]:
    """What an upload would bring, without bringing it: the report as JSON. The session must not commit.

    Raises InvalidUploadError for a file that is no JSON.
    """
    table = await store.make_dry_table(session)
    load = await load_source(session, new, source, table)
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
