"""Rows of pictures: which image ids of a dataset have one, where its bytes are, and what is missing or too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.store.models import Image
from app.store.session import driver_connection

COUNT_TIMEOUT_S = 600.0


_NAMED = text("SELECT image_id, sha256, media_type FROM image WHERE dataset_id = :dataset_id AND image_id = ANY(:ids)")
_ANY = text("SELECT EXISTS (SELECT 1 FROM image WHERE dataset_id = :dataset_id)")
_MISSING = text(
    """
    SELECT named.image_id, i.id AS item_id, i.source_id, (i.position::bigint << 24) + named.ordinal AS place
    FROM item i CROSS JOIN LATERAL unnest(i.image_ids) WITH ORDINALITY AS named (image_id, ordinal)
    WHERE i.dataset_id = :dataset_id AND i.position >= :after >> 24
        AND (i.position::bigint << 24) + named.ordinal > :after
        AND NOT EXISTS (SELECT FROM image WHERE image.dataset_id = :dataset_id AND image.image_id = named.image_id)
    ORDER BY i.position, named.ordinal LIMIT :limit
    """
)
_SURPLUS = text(
    """
    SELECT id FROM image WHERE dataset_id = :dataset_id AND id > :after
        AND NOT EXISTS (
            SELECT FROM item CROSS JOIN LATERAL unnest(item.image_ids) AS named (image_id)
            WHERE item.dataset_id = :dataset_id AND named.image_id = image.image_id
        )
    ORDER BY id LIMIT :limit
    """
)
_MATCHED = """
    SELECT count(*) FROM image WHERE dataset_id = $1
        AND image_id IN (SELECT unnest(image_ids) FROM item WHERE dataset_id = $1)
"""
_INSERT = """
    INSERT INTO image (dataset_id, image_id, sha256, media_type, width, height, size, source, feature)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::bigint[], $8::text[],
        $9::bytea[])
    ON CONFLICT (dataset_id, image_id) DO NOTHING RETURNING image_id
"""
_REPLACE = """
    UPDATE image SET sha256 = new.sha256, media_type = new.media_type, width = new.width, height = new.height,
        size = new.size, source = new.source, feature = new.feature
    FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::bigint[], $8::text[], $9::bytea[])
        AS new (image_id, sha256, media_type, width, height, size, source, feature)
    WHERE image.dataset_id = $1 AND image.image_id = new.image_id
"""
_NOTE_ORPHANS = text(
    """
    INSERT INTO orphan_image SELECT DISTINCT sha256 FROM image WHERE dataset_id = :dataset_id ORDER BY sha256
    ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """A picture of a dataset: its image id, and the sha256 and media type of its bytes in storage."""

    image_id: str
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True)
class NewImage:
    """A row to be; `source` is the name of the file it came in, `size` is in bytes."""

    image_id: str
    sha256: str
    media_type: str
    width: int
    height: int
    size: int
    source: str
    feature: bytes


@dataclass(frozen=True, slots=True)
class MissingImage:
    """An image id that an item names and no picture has; `place` orders them."""

    image_id: str
    item_id: int
    source_id: str
    place: int


async def find_images(session: AsyncSession, dataset_id: int, image_ids: Sequence[str]) -> dict[str, ImagePlace]:
    """The pictures of a dataset among these image ids, by image id."""
    values = {"dataset_id": dataset_id, "ids": list(image_ids)}
    return {row.image_id: ImagePlace(*row) for row in await session.execute(_NAMED, values)}


async def has_images(session: AsyncSession, dataset_id: int) -> bool:
    """Whether any picture of the dataset was uploaded."""
    return bool((await session.execute(_ANY, {"dataset_id": dataset_id})).scalar_one())


async def get_image(session: AsyncSession, number: int) -> Image:
    """The picture; raises NotFoundError."""
    image = await session.get(Image, number)
    if image is None:
        raise NotFoundError("image", encode_id("image", number))
    return image


async def list_images(
    session: AsyncSession, dataset_id: int, after: int | None, limit: int, image_id: str | None = None
) -> Sequence[Image]:
    """Pictures of a dataset as they came, beyond the id `after`; or the one of an image id."""
    statement = select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id).limit(limit)  # type: ignore[arg-type]  # columns
    if after is not None:
        statement = statement.where(Image.id > after)  # type: ignore[arg-type]  # a column
    if image_id is not None:
        statement = statement.where(Image.image_id == image_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def list_missing(session: AsyncSession, dataset_id: int, after: int | None, limit: int) -> Sequence[MissingImage]:
    """What items name and nobody uploaded, in the order of the items; an id that two items name comes twice."""
    values = {"dataset_id": dataset_id, "after": -1 if after is None else after, "limit": limit}
    return [MissingImage(*row) for row in await session.execute(_MISSING, values)]


async def list_surplus(session: AsyncSession, dataset_id: int, after: int | None, limit: int) -> Sequence[Image]:
    """Pictures that no item names, as they came; reads the items of the dataset once for each page."""
    values = {"dataset_id": dataset_id, "after": -1 if after is None else after, "limit": limit}
    ids = list((await session.execute(_SURPLUS, values)).scalars())
    statement = select(Image).where(Image.id.in_(ids)).order_by(Image.id)  # type: ignore[arg-type,attr-defined]  # columns
    return (await session.execute(statement)).scalars().all()


async def count_matched(session: AsyncSession, dataset_id: int) -> int:
    """How many pictures of a dataset an item names: one pass over its items and pictures."""
    connection = await driver_connection(session)
    return int(await connection.fetchval(_MATCHED, dataset_id, timeout=COUNT_TIMEOUT_S))


async def add_images(session: AsyncSession, dataset_id: int, rows: Sequence[NewImage]) -> set[str]:
    """Add the rows whose image id is free; returns those image ids. Each image id at most once."""
    connection = await driver_connection(session)
    added = await connection.fetch(_INSERT, dataset_id, *_columns(rows))
    return {row["image_id"] for row in added}


async def replace_images(session: AsyncSession, dataset_id: int, rows: Sequence[NewImage]) -> None:
    """Give image ids another picture; what they had may be swept."""
    connection = await driver_connection(session)
    old = [place.sha256 for place in (await find_images(session, dataset_id, [row.image_id for row in rows])).values()]
    await connection.execute(
        "INSERT INTO orphan_image SELECT DISTINCT unnest($1::text[]) ORDER BY 1 ON CONFLICT DO NOTHING", old
    )
    await connection.execute(_REPLACE, dataset_id, *_columns(rows))


async def find_named(session: AsyncSession, sha256s: Sequence[str]) -> set[str]:
    """Which of these contents some picture of any dataset has."""
    statement = text("SELECT DISTINCT sha256 FROM image WHERE sha256 = ANY(:sha256s)")
    return set((await session.execute(statement, {"sha256s": list(sha256s)})).scalars())


async def note_orphans(session: AsyncSession, dataset_id: int) -> None:
    """Before a dataset goes: its contents may be swept, unless another picture has them."""
    await session.execute(_NOTE_ORPHANS, {"dataset_id": dataset_id})


async def list_orphans(session: AsyncSession, limit: int) -> Sequence[str]:
    """Contents that may be swept."""
    statement = text("SELECT sha256 FROM orphan_image ORDER BY sha256 LIMIT :limit")
    return list((await session.execute(statement, {"limit": limit})).scalars())


async def forget_orphans(session: AsyncSession, sha256s: Sequence[str]) -> None:
    """These have been seen to."""
    await session.execute(text("DELETE FROM orphan_image WHERE sha256 = ANY(:sha256s)"), {"sha256s": list(sha256s)})


def _columns(rows: Sequence[NewImage]) -> list[list[Any]]:
    names = ("image_id", "sha256", "media_type", "width", "height", "size", "source", "feature")
    return [[getattr(row, name) for row in rows] for name in names]
