"""The pictures of an export: each image that a named pair shows, once, by the bytes of its id, in parts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.copying import TIMEOUT_S
from app.store.session import driver_connection

ROWS = 200

SUFFIX_OF_PICTURE = "CASE m.media_type WHEN 'image/jpeg' THEN '.jpg' WHEN 'image/webp' THEN '.webp' ELSE '.png' END"

_LIST = f"""
    CREATE TEMP TABLE pictured ON COMMIT DROP AS
    SELECT row_number() OVER ids AS number, m.image_id, m.sha256, m.image_id || {SUFFIX_OF_PICTURE} AS file_name,
        (sum({{size}}) OVER ids)::bigint AS size_so_far
    FROM (
        SELECT DISTINCT i.dataset_id, w.image_id
        FROM (SELECT DISTINCT item_id FROM named) AS n JOIN item i ON i.id = n.item_id
        CROSS JOIN unnest(i.image_ids) AS w (image_id)
    ) AS shown JOIN image m ON m.dataset_id = shown.dataset_id AND m.image_id = shown.image_id
    WINDOW ids AS (ORDER BY m.image_id COLLATE "C")
"""  # noqa: S608  (a constant is put in)
_PARTS = """
    SELECT min(number), max(number) FROM pictured GROUP BY (size_so_far - 1) / $1::bigint ORDER BY 1
"""
_PAGE = "SELECT image_id, sha256, file_name FROM pictured WHERE number BETWEEN $1 AND $2 ORDER BY number"


@dataclass(frozen=True, slots=True)
class ExportImage:
    """A picture to export; `file_name` is what conversations call it."""

    image_id: str
    sha256: str
    file_name: str


async def list_parts(session: AsyncSession, part_bytes: int, picture_bytes: int = 0) -> list[tuple[int, int]]:
    """Number the uploaded pictures of all named pairs; answers (first, last) of each part.

    part_bytes: about so large is a part, or no larger where `picture_bytes` says the most that a picture takes
    """
    connection = await driver_connection(session)
    size = f"{picture_bytes:d}" if picture_bytes else "m.size + 1024"
    await connection.execute("DROP TABLE IF EXISTS pictured")
    await connection.execute(_LIST.format(size=size), timeout=TIMEOUT_S)
    await connection.execute("CREATE UNIQUE INDEX ON pictured (number)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE pictured", timeout=TIMEOUT_S)
    limit = part_bytes // picture_bytes * picture_bytes if picture_bytes else part_bytes
    return [(first, last) for first, last in await connection.fetch(_PARTS, limit, timeout=TIMEOUT_S)]


async def stream_images(session: AsyncSession, first: int, last: int) -> AsyncIterator[ExportImage]:
    """The pictures of a part, a page of rows at a time."""
    connection = await driver_connection(session)
    for start in range(first, last + 1, ROWS):
        for row in await connection.fetch(_PAGE, start, min(last, start + ROWS - 1), timeout=TIMEOUT_S):
            yield ExportImage(*row)
