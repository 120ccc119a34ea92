"""Datasets, their items and the records that were refused; rows come by COPY."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, NameTakenError, NotFoundError
from app.ids import encode_id
from app.store.filling import Rows, fill_table
from app.store.images import note_orphans
from app.store.models import Dataset, DatasetError, Item, Job
from app.store.session import driver_connection

ITEM_TABLE = "item"
DRY_TABLE = "item_dry"

COPY_TIMEOUT_S = 600.0
ITEM_COLUMNS = ("dataset_id", "position", "source_id", "sentences", "image_ids", "image_set")
ERROR_COLUMNS = ("dataset_id", "seq", "line", "pointer", "code", "message", "source_id")

_LOCK_NAME = text("SELECT pg_try_advisory_xact_lock(hashtextextended('dataset:' || :name, 0))")
_MAKE_DRY_TABLE = text(f"CREATE TEMP TABLE {DRY_TABLE} (LIKE {ITEM_TABLE} INCLUDING DEFAULTS) ON COMMIT DROP")
_ALLOW_NO_ID = text(f"ALTER TABLE {DRY_TABLE} ALTER COLUMN id DROP NOT NULL")


@dataclass(frozen=True, slots=True)
class DistinctCounts:
    """How many different source ids and images the items of a dataset have."""

    source_ids: int
    images: int


async def reserve_name(session: AsyncSession, name: str) -> None:
    """Hold a dataset's name until commit; raises NameTakenError where it is in use or being uploaded."""
    is_free = (await session.execute(_LOCK_NAME, {"name": name})).scalar_one()
    if not is_free:
        raise NameTakenError(f"A dataset named {name!r} is being uploaded just now; choose another name or wait.")
    await check_name(session, name)


async def check_name(session: AsyncSession, name: str) -> None:
    """Raises NameTakenError where a dataset has this name."""
    statement = select(Dataset.id).where(Dataset.name == name)  # type: ignore[call-overload]  # a column
    taken = (await session.execute(statement)).scalar_one_or_none()
    if taken is not None:
        raise NameTakenError(f"The name {name!r} is taken by {encode_id('dataset', taken)}; choose another one.")


async def make_dry_table(session: AsyncSession) -> str:
    """A table like `item` without indexes, gone at the end of the transaction; returns its name."""
    await session.execute(_MAKE_DRY_TABLE)
    await session.execute(_ALLOW_NO_ID)
    return DRY_TABLE


async def copy_items(session: AsyncSession, table: str, rows: Rows) -> None:
    """Add rows of ITEM_COLUMNS."""
    connection = await driver_connection(session)
    await fill_table(connection, table, rows, ITEM_COLUMNS)


async def copy_errors(session: AsyncSession, rows: Rows) -> None:
    """Add rows of ERROR_COLUMNS."""
    connection = await driver_connection(session)
    await fill_table(connection, "dataset_error", rows, ERROR_COLUMNS)


async def count_distinct(session: AsyncSession, table: str, dataset_id: int, *, has_images: bool) -> DistinctCounts:
    """Count what repeats, in the transaction that brought the items (a full read of them, done once)."""
    connection = await driver_connection(session)
    source_ids = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE dataset_id = $1 GROUP BY source_id) AS grouped",  # noqa: S608  # a name of ours
        dataset_id,
        timeout=COPY_TIMEOUT_S,
    )
    if not has_images:
        return DistinctCounts(source_ids, 0)
    images = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT unnest(image_ids) FROM {table} WHERE dataset_id = $1 GROUP BY 1) AS grouped",  # noqa: S608  # a name of ours
        dataset_id,
        timeout=COPY_TIMEOUT_S,
    )
    return DistinctCounts(source_ids, images)


async def get_dataset(session: AsyncSession, dataset_id: int) -> Dataset:
    """The dataset; raises NotFoundError."""
    dataset = await session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFoundError("dataset", encode_id("dataset", dataset_id))
    return dataset


async def list_datasets(session: AsyncSession, after: int | None, limit: int) -> Sequence[Dataset]:
    """Datasets from the newest on, below the id `after`."""
    statement = select(Dataset).order_by(Dataset.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(Dataset.id < after)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def list_items(
    session: AsyncSession, dataset_id: int, after: int | None, limit: int, source_id: str | None = None
) -> Sequence[Item]:
    """Items in order, beyond the position `after`."""
    statement = select(Item).where(Item.dataset_id == dataset_id).order_by(Item.position).limit(limit)  # type: ignore[arg-type]  # columns
    if after is not None:
        statement = statement.where(Item.position > after)  # type: ignore[arg-type]  # a column
    if source_id is not None:
        statement = statement.where(Item.source_id == source_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def get_item(session: AsyncSession, item_id: int) -> Item:
    """The item; raises NotFoundError."""
    item = await session.get(Item, item_id)
    if item is None:
        raise NotFoundError("item", encode_id("item", item_id))
    return item


async def list_errors(session: AsyncSession, dataset_id: int, after: int | None, limit: int) -> Sequence[DatasetError]:
    """Refused records in the order of the file, beyond the number `after`."""
    statement = select(DatasetError).where(DatasetError.dataset_id == dataset_id)  # type: ignore[arg-type]  # a column
    statement = statement.order_by(DatasetError.seq).limit(limit)  # type: ignore[arg-type]  # a column
    if after is not None:
        statement = statement.where(DatasetError.seq > after)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def delete_dataset(session: AsyncSession, dataset_id: int) -> None:
    """Remove a dataset with its items, errors and pictures, whose bytes may then be swept.

    Raises NotFoundError, ConflictError while jobs use it.
    """
    await get_dataset(session, dataset_id)
    statement = select(Job.id).where(Job.dataset_id == dataset_id).order_by(Job.id).limit(1)  # type: ignore[call-overload]  # columns
    job_id = (await session.execute(statement)).scalar_one_or_none()
    if job_id is not None:
        raise ConflictError(f"Jobs use this dataset ({encode_id('job', job_id)} is the first); it cannot be deleted.")
    await note_orphans(session, dataset_id)
    try:
        await session.execute(delete(Dataset).where(Dataset.id == dataset_id))  # type: ignore[arg-type]  # a column
    except IntegrityError as error:
        raise ConflictError("A job on this dataset was ordered just now; it cannot be deleted.") from error
