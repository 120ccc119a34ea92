"""The splits of an export: which items hang together, and `placed`, which says where each item goes."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.copying import TIMEOUT_S
from app.store.filling import fill_table
from app.store.session import driver_connection

ROWS = 10_000

_MAKE = (
    """
    CREATE TEMP TABLE split_item ON COMMIT DROP AS
    SELECT (row_number() OVER (ORDER BY seq) - 1)::int AS number, item_id
    FROM (SELECT item_id, min(seq) AS seq FROM named GROUP BY item_id) AS item
    """,
    "CREATE TEMP TABLE placed (item_id bigint NOT NULL, split smallint NOT NULL) ON COMMIT DROP",
)
_KEYS = """
    SELECT coalesce(i.image_ids[1], i.source_id) FROM split_item s JOIN item i ON i.id = s.item_id ORDER BY s.number
"""
# Pictures with the same bytes are one picture, whatever their ids.
_LINKS = """
    SELECT DISTINCT number, low FROM (
        SELECT number, min(number) OVER (PARTITION BY key) AS low FROM (
            SELECT s.number, hashtextextended(i.source_id, 1) AS key FROM split_item s JOIN item i ON i.id = s.item_id
            UNION ALL
            SELECT s.number, hashtextextended(coalesce(m.sha256, w.image_id), 2)
            FROM split_item s JOIN item i ON i.id = s.item_id CROSS JOIN unnest(i.image_ids) AS w (image_id)
            LEFT JOIN image m ON m.dataset_id = i.dataset_id AND m.image_id = w.image_id
        ) AS keyed
    ) AS linked WHERE number <> low
"""
_COUNT = "SELECT split, count(*) FROM placed GROUP BY split"


async def number_items(session: AsyncSession) -> int:
    """Number the items of the named pairs from 0, in their order. Returns how many there are."""
    connection = await driver_connection(session)
    for statement in _MAKE:
        await connection.execute(statement, timeout=TIMEOUT_S)
    await connection.execute("ANALYZE split_item", timeout=TIMEOUT_S)
    return int(await connection.fetchval("SELECT count(*) FROM split_item"))


async def stream_keys(session: AsyncSession) -> AsyncIterator[str]:
    """What each item's lot is drawn by, in the order of their numbers: its first image, or its source id."""
    connection = await driver_connection(session)
    cursor = await connection.cursor(_KEYS)
    while rows := await cursor.fetch(ROWS, timeout=TIMEOUT_S):
        for (key,) in rows:
            yield key


async def stream_links(session: AsyncSession) -> AsyncIterator[tuple[int, int]]:
    """(number, lower number) of items that share an image or a source id."""
    connection = await driver_connection(session)
    cursor = await connection.cursor(_LINKS)
    while rows := await cursor.fetch(ROWS, timeout=TIMEOUT_S):
        for number, low in rows:
            yield number, low


async def place_items(session: AsyncSession, splits: Sequence[int]) -> dict[int, int]:
    """Fill `placed` with the split of each item. Returns how many items each has."""
    connection = await driver_connection(session)
    await connection.execute("CREATE TEMP TABLE lot (number int, split smallint) ON COMMIT DROP")
    await fill_table(connection, "lot", enumerate(splits))
    await connection.execute(
        "INSERT INTO placed SELECT s.item_id, l.split FROM split_item s JOIN lot l USING (number)", timeout=TIMEOUT_S
    )
    await connection.execute("CREATE UNIQUE INDEX ON placed (item_id)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE placed", timeout=TIMEOUT_S)
    return dict(await connection.fetch(_COUNT))
