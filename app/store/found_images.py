"""Items whose annotation cannot name their pictures get them from what was uploaded, by how image ids begin."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.session import driver_connection

PAGE_ITEMS = 500

_OPEN_ITEMS = text(
    """
    SELECT id, position, source_id, image_ids FROM item
    WHERE dataset_id = :dataset_id AND position > :after AND (image_ids = '{}' OR has_found_images)
    ORDER BY position LIMIT :limit
    """
)
_FIND = """
    SELECT wanted.place, array_agg(image.image_id ORDER BY image.image_id) AS image_ids
    FROM unnest($2::text[]) WITH ORDINALITY AS wanted (prefix, place)
    JOIN image ON image.dataset_id = $1 AND image.image_id >= wanted.prefix
        AND image.image_id < wanted.prefix || chr(1114111)
    GROUP BY wanted.place
"""
_ASSIGN = "UPDATE item SET image_ids = $2, image_set = $3, has_found_images = true WHERE id = $1"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item whose pictures are found by their ids."""

    id: int
    position: int
    source_id: str
    image_ids: list[str]


async def list_open_items(session: AsyncSession, dataset_id: int, after: int) -> Sequence[OpenItem]:
    """A page of the items that name no pictures, or found theirs before, beyond the position `after`."""
    values = {"dataset_id": dataset_id, "after": after, "limit": PAGE_ITEMS}
    return [OpenItem(*row) for row in await session.execute(_OPEN_ITEMS, values)]


async def find_by_prefixes(session: AsyncSession, dataset_id: int, prefixes: Sequence[str]) -> list[list[str]]:
    """For each prefix the image ids that begin with it, in order."""
    connection = await driver_connection(session)
    found: list[list[str]] = [[] for _ in prefixes]
    for row in await connection.fetch(_FIND, dataset_id, list(prefixes)):
        found[row["place"] - 1] = list(row["image_ids"])
    return found


async def assign_images(session: AsyncSession, rows: Sequence[tuple[int, list[str], int]]) -> None:
    """Give items their pictures: (item id, image ids, image set)."""
    connection = await driver_connection(session)
    await connection.executemany(_ASSIGN, rows)
