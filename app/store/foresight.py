"""What rules of the whole job would find after a rerun, beside what they have found: the tables of a preview.

They lie beside those of the comparison, in a transaction that is taken back: nothing is written. Pairs that are not
there yet have ids below zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES
from app.store.comparisons import TIMEOUT_S, Comparison, Likeness, begin_comparison
from app.store.kept import IS_DECIDED

_HAS_MARKS = text("SELECT EXISTS (SELECT 1 FROM pair_finding WHERE job_id = :job_id AND code = ANY(:codes))")
# anew: pairs that come, or that stay with other texts or flags; touched: pairs that go (`gone`) or are known to stay as
# people left them (`kept`), and items that change (`item`)
_CREATE = """
    CREATE TEMPORARY TABLE anew (
        pair_id bigint, item_id bigint, instruction text, response text, flags text[]
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE touched (what text, id bigint) ON COMMIT DROP;
"""
_IMAGE_SETS = text("SELECT id, image_set FROM item WHERE id = ANY(:ids)")
_ANALYZE = "ANALYZE anew; ANALYZE touched; ANALYZE found; ANALYZE asked;"
_DIFFERENCE = f"""
    WITH standing AS (
        SELECT pair_id, array_agg(code ORDER BY code) AS codes,
            array_agg((evidence->>'pair')::bigint ORDER BY code) AS others,
            array_agg((evidence->>'likeness')::real ORDER BY code) AS shares,
            array_agg(evidence->>'severity' = 'reject' ORDER BY code) AS refusing
        FROM pair_finding WHERE job_id = $1 AND code = ANY($2::text[]) GROUP BY pair_id
    ), coming AS (
        SELECT pair_id, array_agg(code ORDER BY code) AS codes, array_agg(other_id ORDER BY code) AS others,
            array_agg(share ORDER BY code) AS shares, array_agg(code = ANY($3::text[]) ORDER BY code) AS refusing
        FROM found GROUP BY pair_id
    )
    SELECT u.pair_id, i.id, i.position, p.instruction, p.response, p.status, p.flags, n.instruction, n.response,
        n.flags, u.before, u.others_before, u.shares_before, u.refused_before, u.after, u.others_after, u.shares_after,
        u.refused_after, p.id IS NOT NULL AND {IS_DECIDED.format(pair="p")},
        u.pair_id IN (SELECT id FROM touched WHERE what = 'kept'), i.id IN (SELECT id FROM touched WHERE what = 'item')
    FROM (
        SELECT coalesce(s.pair_id, c.pair_id) AS pair_id, s.codes AS before, s.others AS others_before,
            s.shares AS shares_before, s.refusing AS refused_before, c.codes AS after, c.others AS others_after,
            c.shares AS shares_after, c.refusing AS refused_after
        FROM standing s FULL JOIN coming c ON c.pair_id = s.pair_id
        WHERE s.codes IS DISTINCT FROM c.codes OR s.refusing IS DISTINCT FROM c.refusing
    ) u
    LEFT JOIN pair p ON p.id = u.pair_id
    LEFT JOIN anew n ON n.pair_id = u.pair_id
    JOIN item i ON i.id = coalesce(n.item_id, p.item_id)
    LEFT JOIN asked a ON a.pair_id = u.pair_id
    WHERE u.pair_id NOT IN (SELECT id FROM touched WHERE what = 'gone')
    ORDER BY i.position, a.seq, u.pair_id
"""  # noqa: S608  # only constants are put in
_MARKS = "SELECT pair_id, code FROM found WHERE pair_id = ANY($1::bigint[]) ORDER BY pair_id, code"
_OTHERS = """
    SELECT o.id, coalesce(n.item_id, p.item_id), coalesce(n.instruction, p.instruction)
    FROM unnest($1::bigint[]) AS o (id) LEFT JOIN anew n ON n.pair_id = o.id LEFT JOIN pair p ON p.id = o.id
"""


@dataclass(frozen=True, slots=True)
class NewStanding:
    """A pair that comes (its id is below zero), or that stays with other texts or flags.

    flags: but for those of rules of the whole job
    """

    pair_id: int
    item_id: int
    instruction: str
    response: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """What rules of the whole job find about a pair at a time, and which of these refuse it."""

    found: tuple[Likeness, ...] = ()
    refusing: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(each.code for each in self.found)


@dataclass(frozen=True, slots=True)
class Difference:
    """A pair about which rules of the whole job find something else than they do now.

    texts, status, flags: as they stand, None where it is not there yet
    new_texts, new_flags: where these are others then, but for the flags of these rules
    is_decided: whether people decided about it, so that nothing changes; is_kept: whether that is known of it before
    is_item_touched: whether something else changes about its item
    """

    pair_id: int
    item_id: int
    position: int
    texts: tuple[str, str] | None
    status: str
    flags: tuple[str, ...]
    new_texts: tuple[str, str] | None
    new_flags: tuple[str, ...] | None
    before: Marks
    after: Marks
    is_decided: bool
    is_kept: bool
    is_item_touched: bool


class ForesightTables:
    """The tables of a preview, as long as the transaction of its session."""

    def __init__(self, session: AsyncSession, comparison: Comparison) -> None:
        self.comparison = comparison
        self.session = session

    async def read_image_sets(self, items: Sequence[int]) -> dict[int, int | None]:
        """The pictures that items show, by item."""
        return dict((await self.session.execute(_IMAGE_SETS, {"ids": list(items)})).all())

    async def add_standings(self, standings: Sequence[NewStanding]) -> None:
        rows = [(s.pair_id, s.item_id, s.instruction, s.response, list(s.flags)) for s in standings]
        await self.comparison.copy("anew", ("pair_id", "item_id", "instruction", "response", "flags"), rows)

    async def touch(self, rows: Sequence[tuple[str, int]]) -> None:
        """Note (`gone` or `kept`, pair) and (`item`, item)."""
        await self.comparison.copy("touched", ("what", "id"), rows)

    async def open_differences(self, refusing: Sequence[str]) -> Any:
        """A cursor over the pairs that change, in the order of items; `refusing` are the rules that would refuse."""
        connection, job_id = self.comparison.connection, self.comparison.job_id
        await connection.execute(_ANALYZE, timeout=TIMEOUT_S)
        return await connection.cursor(_DIFFERENCE, job_id, list(JOB_RULES), list(refusing), timeout=TIMEOUT_S)

    async def read_codes(self, pair_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The rules of the whole job that would find something about these pairs."""
        codes: dict[int, tuple[str, ...]] = {}
        for pair_id, code in await self.comparison.connection.fetch(_MARKS, list(pair_ids), timeout=TIMEOUT_S):
            codes[pair_id] = (*codes.get(pair_id, ()), code)
        return codes

    async def read_others(self, pair_ids: Sequence[int]) -> dict[int, tuple[int | None, str | None]]:
        """pair id -> (item, instruction) as they would be; (None, None) for a pair that is gone."""
        rows = await self.comparison.connection.fetch(_OTHERS, list(pair_ids), timeout=TIMEOUT_S)
        return {row[0]: (row[1], row[2]) for row in rows}


async def has_marks(session: AsyncSession, job_id: int) -> bool:
    """Whether a rule of the whole job has found anything in a job."""
    return bool((await session.execute(_HAS_MARKS, {"job_id": job_id, "codes": list(JOB_RULES)})).scalar_one())


async def begin_foresight(session: AsyncSession, job_id: int, dataset_id: int) -> ForesightTables:
    """Make the tables of a preview."""
    return ForesightTables(session, await begin_comparison(session, job_id, dataset_id, _CREATE))


def read_difference(row: Sequence[Any]) -> Difference:
    """A row of `open_differences`."""
    return Difference(
        pair_id=row[0],
        item_id=row[1],
        position=row[2],
        texts=None if row[3] is None else (row[3], row[4]),
        status=row[5] or "",
        flags=tuple(row[6] or ()),
        new_texts=None if row[7] is None else (row[7], row[8]),
        new_flags=None if row[9] is None else tuple(row[9]),
        before=_read_marks(row[0], row[10:14]),
        after=_read_marks(row[0], row[14:18]),
        is_decided=row[18],
        is_kept=row[19],
        is_item_touched=row[20],
    )


def _read_marks(pair_id: int, columns: Sequence[Any]) -> Marks:
    codes, others, shares, refusing = columns
    if codes is None:
        return Marks()
    found = tuple(Likeness(pair_id, o, code, s) for code, o, s in zip(codes, others, shares, strict=True))
    return Marks(found, tuple(code for code, refuses in zip(codes, refusing, strict=True) if refuses))
