"""The questions of a job compared with all others of it: the temporary tables of one pass.

What a pass needs in between lies in these tables, in one transaction that only reads what is stored: memory does not
grow with the job. Questions have an order, that of the items and of the pairs of each, whenever they were written.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.filling import fill_table
from app.store.kept import IS_DECIDED
from app.store.session import driver_connection

TIMEOUT_S = 6 * 3600.0

_WORK_MEMORY = text("SET LOCAL work_mem = '64MB'")
_CREATE = """
    CREATE TEMPORARY TABLE asked (
        seq int GENERATED ALWAYS AS IDENTITY, pair_id bigint, item_id bigint, image_set bigint, digest bigint,
        keys int[], marks bytea
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE likeness (earlier bigint, later bigint, share real) ON COMMIT DROP;
    CREATE TEMPORARY TABLE found (seq int, pair_id bigint, code text, other_id bigint, share real) ON COMMIT DROP;
"""
_QUESTIONS = f"""
    SELECT p.id, p.item_id, i.image_set, p.instruction, i.position, p.ordinal
    FROM item i JOIN pair p ON p.job_id = $1 AND p.item_id = i.id AND p.language = 'en'
    WHERE i.dataset_id = $2 AND i.position = ANY($3::int[])
        AND (p.status <> 'rejected' OR NOT {IS_DECIDED.format(pair="p")})
    ORDER BY i.position, p.ordinal
"""  # noqa: S608  # only constants are put in
# Of each digest the first question: the others need no comparison, not even in an image, since the order is by items.
_LEAD = """
    CREATE UNIQUE INDEX ON asked (seq);
    ANALYZE asked;
    CREATE TEMPORARY TABLE leader ON COMMIT DROP AS
        SELECT DISTINCT ON (digest) digest, seq, pair_id, item_id, keys, marks FROM asked ORDER BY digest, seq;
    CREATE UNIQUE INDEX ON leader (seq);
    ANALYZE leader;
"""
_GROUPS = """
    SELECT array_agg(seq ORDER BY seq) FROM leader GROUP BY keys[$1] HAVING count(*) > 1
"""
_MARKS = "SELECT seq, digest, marks FROM leader WHERE seq = ANY($1::int[])"
_JOIN = """
    CREATE TEMPORARY TABLE alike ON COMMIT DROP AS
        SELECT earlier, later, max(share) AS share FROM (
            SELECT earlier, later, share FROM likeness UNION ALL SELECT later, earlier, share FROM likeness
            UNION ALL SELECT digest, digest, 1 FROM leader
        ) AS both_ways GROUP BY 1, 2;
    ANALYZE alike;
"""
_FIND = {
    "similar_in_image": """
        WITH first_shown AS MATERIALIZED (
            SELECT DISTINCT ON (image_set, digest) image_set, digest, seq, pair_id, item_id
            FROM asked WHERE image_set IS NOT NULL ORDER BY image_set, digest, seq
        )
        INSERT INTO found
        SELECT DISTINCT ON (b.seq) b.seq, b.pair_id, 'similar_in_image', a.pair_id, l.share
        FROM asked b JOIN alike l ON l.later = b.digest
        JOIN first_shown a ON a.digest = l.earlier AND a.image_set = b.image_set AND a.seq < b.seq
            AND a.item_id <> b.item_id
        ORDER BY b.seq, a.seq
    """,
    "similar_in_dataset": """
        INSERT INTO found
        SELECT b.seq, b.pair_id, 'similar_in_dataset', f.pair_id, f.share
        FROM asked b JOIN (
            SELECT DISTINCT ON (l.later) l.later AS digest, d.seq, d.pair_id, d.item_id, l.share
            FROM alike l JOIN leader d ON d.digest = l.earlier ORDER BY l.later, d.seq
        ) f ON f.digest = b.digest AND f.seq < b.seq AND f.item_id <> b.item_id
    """,
}
_FOUND = """
    SELECT pair_id, array_agg(code ORDER BY code), array_agg(other_id ORDER BY code), array_agg(share ORDER BY code)
    FROM found GROUP BY seq, pair_id ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Question:
    """The instruction of a pair, with the item it is about and the pictures that shows (None: none)."""

    pair_id: int
    item_id: int
    image_set: int | None
    text: str
    position: int = 0
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Likeness:
    """A pair that is much like an earlier one, by which rule; `likeness` is from 0 to 1."""

    pair_id: int
    other_id: int
    code: str
    likeness: float


SignedQuestion = tuple[int, int, int | None, int, list[int], bytes]
"""(pair, item, image set, digest, keys, marks of 4 bytes each)"""


class Comparison:
    """The tables of one pass, as long as the transaction of its session."""

    def __init__(self, connection: Any, job_id: int, dataset_id: int) -> None:
        self.connection = connection
        self.job_id = job_id
        self.dataset_id = dataset_id

    async def read_questions(self, positions: Sequence[int]) -> list[Question]:
        """English pairs of the job about these items, in order, but for those that a person rejected."""
        rows = await self.connection.fetch(_QUESTIONS, self.job_id, self.dataset_id, list(positions), timeout=TIMEOUT_S)
        return [Question(*row) for row in rows]

    async def add(self, rows: Sequence[SignedQuestion]) -> None:
        """Keep questions; those that are added first come first."""
        await self.copy("asked", ("pair_id", "item_id", "image_set", "digest", "keys", "marks"), rows)

    async def close_questions(self) -> None:
        """Find the first question of each digest: the others of it need no comparison."""
        await self.connection.execute(_LEAD, timeout=TIMEOUT_S)

    async def open_groups(self, band: int) -> Any:
        """A cursor over lists of places of questions, in order, that have the key of a band (from 0) in common."""
        return await self.connection.cursor(_GROUPS, band + 1, timeout=TIMEOUT_S)

    async def read_marks(self, places: Sequence[int]) -> dict[int, tuple[int, frozenset[int]]]:
        """place -> (digest, marks)."""
        rows = await self.connection.fetch(_MARKS, list(places), timeout=TIMEOUT_S)
        return {seq: (digest, frozenset(array("i", marks))) for seq, digest, marks in rows}

    async def add_alike(self, rows: Sequence[tuple[int, int, float]]) -> None:
        """Keep what was found alike, as (digest, digest, likeness)."""
        await self.copy("likeness", ("earlier", "later", "share"), rows)

    async def close_alike(self, codes: Iterable[str]) -> None:
        """Find by these rules each pair but the first of its like."""
        await self.connection.execute(_JOIN, timeout=TIMEOUT_S)
        for code in codes:
            await self.connection.execute(_FIND[code], timeout=TIMEOUT_S)

    async def open_found(self) -> Any:
        """A cursor over what was found, in order; `read_found` makes something of its rows."""
        return await self.connection.cursor(_FOUND, timeout=TIMEOUT_S)

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows into a temporary table."""
        if rows:
            await fill_table(self.connection, table, rows, columns)


async def begin_comparison(session: AsyncSession, job_id: int, dataset_id: int, more: str = "") -> Comparison:
    """Make the tables of a pass, and those that `more` makes."""
    await session.execute(_WORK_MEMORY)  # the driver is in no transaction before
    connection = await driver_connection(session)
    await connection.execute(_CREATE + more)
    return Comparison(connection, job_id, dataset_id)


def read_found(row: Sequence[Any]) -> list[Likeness]:
    """What the rules found about one pair."""
    pair_id, codes, others, shares = row
    return [Likeness(pair_id, other, code, share) for code, other, share in zip(codes, others, shares, strict=True)]


def describe_likeness(found: Likeness) -> str:
    """What is kept as the detail of a finding."""
    return f"{found.likeness:.0%} like an earlier instruction"
