"""Writing what a new reading of stored replies changes: pairs move, go and come, refusals and states are replaced."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import SHORT
from app.store.queue_tallies import count_pair

Tallies = Counter[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Move:
    """An English pair of an item that gets another ordinal, and with it its translations and all that is known of them.

    fingerprint: of its texts, by which the calls about its translations are told from those about others
    """

    item_id: int
    before: int
    after: int
    fingerprint: int


@dataclass(frozen=True, slots=True)
class NewState:
    """How an item ends by now; before: its state and code until then."""

    item_id: int
    before: tuple[str, str | None]
    state: str
    code: str | None
    detail: str | None


_DELETE_PAIRS = text(
    """
    WITH gone AS (
        DELETE FROM pair WHERE id IN (
            SELECT unnest(CAST(:ids AS bigint[]))
            UNION ALL
            SELECT t.id FROM unnest(CAST(:ids AS bigint[])) AS english (id) JOIN pair t ON t.translation_of = english.id
        )
        RETURNING language, status, flags, reviewed_at IS NOT NULL AS is_reviewed
    )
    SELECT language, status, flags, is_reviewed, count(*) FROM gone GROUP BY 1, 2, 3, 4
    """
)
_OLD_PLACES = """
    unnest(CAST(:items AS bigint[]), CAST(:befores AS int[])) AS place (item_id, before)
"""
_DELETE_STATES = text(
    f"""
    WITH gone AS (
        DELETE FROM item_state st USING {_OLD_PLACES}
        WHERE st.job_id = :job_id AND st.stage = 'translate' AND st.item_id = place.item_id AND st.sample = place.before
        RETURNING st.state
    )
    SELECT state, count(*) FROM gone GROUP BY 1
    """  # noqa: S608  # only constants are put in
)
_DELETE_REFUSALS = text(
    f"""
    WITH gone AS (
        DELETE FROM rejection r USING {_OLD_PLACES}
        WHERE r.job_id = :job_id AND r.stage = 'translate' AND r.item_id = place.item_id AND r.sample = place.before
        RETURNING r.reason
    )
    SELECT reason, count(*) FROM gone GROUP BY 1
    """  # noqa: S608  # only constants are put in
)
_MOVED = """
    unnest(CAST(:items AS bigint[]), CAST(:befores AS int[]), CAST(:afters AS int[]), CAST(:prints AS bigint[]))
        AS move (item_id, before, after, fingerprint)
"""
# In two steps, since the places are unique: aside below zero first, then to where they belong.
_MOVES = tuple(
    (
        text(
            f"UPDATE {table} x SET {column} = -1 - move.after FROM {_MOVED} "  # noqa: S608  # only constants are put in
            f"WHERE x.job_id = :job_id AND x.item_id = move.item_id AND x.{column} = move.before "
            f"AND {stage} AND {where}"
        ),
        text(
            f"UPDATE {table} x SET {column} = -1 - x.{column} "  # noqa: S608
            f"WHERE x.job_id = :job_id AND x.item_id = ANY(:items) AND x.{column} < 0 AND {stage}"
        ),
    )
    for table, column, stage, where in (
        ("pair", "ordinal", "TRUE", "TRUE"),
        ("item_state", "sample", "x.stage = 'translate'", "TRUE"),
        ("rejection", "sample", "x.stage = 'translate'", "TRUE"),
        ("call", "sample", "x.stage = 'translate'", "x.fingerprint = move.fingerprint"),
    )
)
_FORGET_REJECTIONS = text(
    """
    WITH gone AS (
        DELETE FROM rejection r
        WHERE r.job_id = :job_id AND r.stage = 'generate' AND r.item_id = ANY(:items) AND NOT EXISTS (
            SELECT 1 FROM call c WHERE c.id = r.call_id AND c.state = 'superseded')
        RETURNING r.reason
    )
    SELECT reason, count(*) FROM gone GROUP BY 1
    """
)
_SET_STATES = text(
    """
    UPDATE item_state st SET state = new.state, code = new.code, detail = new.detail
    FROM unnest(CAST(:items AS bigint[]), CAST(:states AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]))
        AS new (item_id, state, code, detail)
    WHERE st.job_id = :job_id AND st.stage = 'generate' AND st.item_id = new.item_id AND st.sample = 0
    """
)
_REGROUP = text(
    """
    UPDATE pair p SET conversation = new.conversation
    FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS smallint[])) AS new (id, conversation)
    WHERE p.id = new.id OR p.translation_of = new.id
    """
)
_FORGET_REPAIRS = text("DELETE FROM pair_edit WHERE pair_id = ANY(:ids) AND kind = 'repair'")
_FORGET_FINDINGS = text("DELETE FROM pair_finding WHERE pair_id = ANY(:ids) AND NOT code = ANY(:but)")


async def delete_pairs(
    session: AsyncSession, job_id: int, pairs: Sequence[tuple[int, int, int]], tallies: Tallies
) -> None:
    """Delete English pairs given as (pair, item, ordinal), their translations and how those ended."""
    if not pairs:
        return
    ids = [pair_id for pair_id, _, _ in pairs]
    for language, status, flags, is_reviewed, n in await session.execute(_DELETE_PAIRS, {"ids": ids}):
        tallies[job_id, "pairs" if language == "en" else f"translations.{language}"] -= n
        count_pair(tallies, job_id, language, status, flags, is_reviewed=is_reviewed, n=-n)
    places = {"job_id": job_id, "items": [item for _, item, _ in pairs], "befores": [at for _, _, at in pairs]}
    for state, n in await session.execute(_DELETE_STATES, places):
        tallies[job_id, f"translate.{state}"] -= n
    for reason, n in await session.execute(_DELETE_REFUSALS, places):
        tallies[job_id, "refused"] -= n
        tallies[job_id, f"refused.{reason}"] -= n


async def move_pairs(session: AsyncSession, job_id: int, moves: Sequence[Move]) -> None:
    """Give pairs their new ordinals; what was asked about their translations goes along."""
    if not moves:
        return
    items = {"job_id": job_id, "items": [move.item_id for move in moves]}
    places = {
        "befores": [move.before for move in moves],
        "afters": [move.after for move in moves],
        "prints": [move.fingerprint for move in moves],
    }
    for aside, back in _MOVES:
        await session.execute(aside, items | places)
        await session.execute(back, items)


async def regroup_pairs(session: AsyncSession, pairs: Sequence[tuple[int, int]]) -> None:
    """Count English pairs, given as (pair, conversation), and their translations to other conversations."""
    if pairs:
        parameters = {"ids": [pair_id for pair_id, _ in pairs], "numbers": [number for _, number in pairs]}
        await session.execute(_REGROUP, parameters)


async def forget_rejections(session: AsyncSession, job_id: int, items: Sequence[int], tallies: Tallies) -> None:
    """Delete what was refused of items, but for replies that were superseded."""
    parameters = {"job_id": job_id, "items": list(items)}
    for reason, n in await session.execute(_FORGET_REJECTIONS, parameters):
        tallies[job_id, "rejected"] -= n
        tallies[job_id, f"rejected.{reason}"] -= n


async def set_states(session: AsyncSession, job_id: int, states: Sequence[NewState], tallies: Tallies) -> None:
    """Say anew how items ended."""
    if not states:
        return
    parameters = {
        "job_id": job_id,
        "items": [state.item_id for state in states],
        "states": [state.state for state in states],
        "codes": [state.code for state in states],
        "details": [state.detail for state in states],
    }
    await session.execute(_SET_STATES, parameters)
    for state in states:
        for sign, (name, code) in ((-1, state.before), (1, (state.state, state.code))):
            tallies[job_id, f"items.{name}"] += sign
            tallies[job_id, SHORT] += sign * (code == SHORT)


async def forget_repairs(session: AsyncSession, pair_ids: Sequence[int]) -> None:
    """Delete the repairs of pairs, which others take the place of."""
    await session.execute(_FORGET_REPAIRS, {"ids": list(pair_ids)})


async def forget_findings(session: AsyncSession, pair_ids: Sequence[int], but: Sequence[str]) -> None:
    """Delete what rules found about pairs, but for these codes."""
    await session.execute(_FORGET_FINDINGS, {"ids": list(pair_ids), "but": list(but)})
