"""Exactly as many pairs as were asked for: PostgreSQL decides, under the lock of the job, one batch after another.

A pair of a job with a target is kept where fewer pairs than that were kept when its reply was recorded; within a reply
the order of the pairs decides. What is kept stays kept. `call.most_pairs` notes how many pairs an item may have by the
call that ended it, so that reading its replies again comes to the same.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import TARGET_REACHED, explain_target, say_target
from app.pipeline.values import Stage
from app.store.kept import keep_reviewed, refuse_surplus
from app.store.outcomes import Ending, Outcome
from app.store.recording import record_outcomes

Place = tuple[int, int]
"""An item of a job, as (job, item)."""

_LATEST_CALLS = 1_000

_LOCK = text("SELECT id FROM job WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_COUNTS = text(
    """
    SELECT job_id, coalesce(sum(n) FILTER (WHERE key = 'pairs'), 0)::bigint,
        coalesce(sum(n) FILTER (WHERE key IN ('items.done', 'items.failed')), 0)::bigint
    FROM tally WHERE job_id = ANY(:ids) AND key IN ('pairs', 'items.done', 'items.failed') GROUP BY job_id
    """
)
_UNDER_WAY = text(
    """
    SELECT job_id, count(*) FROM call WHERE state = 'started' AND stage = 'generate' AND job_id = ANY(:ids)
    GROUP BY job_id
    UNION ALL
    SELECT wanted.id, unread.n FROM unnest(CAST(:ids AS bigint[])) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'stored' AND stage = 'generate') AS n
        FROM (SELECT state, stage FROM call WHERE job_id = wanted.id ORDER BY id DESC LIMIT :latest) AS latest
    ) AS unread
    """
)
_ENDED = text(
    """
    SELECT st.job_id, st.item_id FROM item_state st
    JOIN unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[])) AS unit (job_id, item_id)
        ON st.job_id = unit.job_id AND st.item_id = unit.item_id
    WHERE st.stage = 'generate' AND st.sample = 0
    """
)
_ORDINALS = text(
    """
    SELECT p.job_id, p.item_id, p.ordinal FROM pair p
    JOIN unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[])) AS unit (job_id, item_id)
        ON p.job_id = unit.job_id AND p.item_id = unit.item_id
    WHERE p.language = 'en'
    """
)
_NOTE_MOST = text(
    """
    UPDATE call SET most_pairs = a.most
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[]), CAST(:calls AS bigint[]), CAST(:mosts AS int[]))
        AS a (job_id, item_id, call_id, most)
    JOIN item_state st ON st.job_id = a.job_id AND st.stage = 'generate' AND st.item_id = a.item_id AND st.sample = 0
        AND st.call_id = a.call_id
    WHERE call.id = a.call_id AND call.most_pairs IS DISTINCT FROM a.most
    """
)
_NOTE_BOUNDS = text(
    """
    UPDATE call SET most_pairs = a.most
    FROM unnest(CAST(:calls AS bigint[]), CAST(:mosts AS int[])) AS a (call_id, most)
    WHERE call.id = a.call_id
    """
)
# A reply that came too late to be one of those its item ended with, though it was asked for before the last of them.
_SUPERSEDE_OLDER = text(
    """
    UPDATE call SET state = 'superseded'
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[]), CAST(:calls AS bigint[]))
        AS a (job_id, item_id, call_id)
    JOIN item_state st ON st.job_id = a.job_id AND st.stage = 'generate' AND st.item_id = a.item_id AND st.sample = 0
        AND st.call_id = a.call_id
    WHERE call.job_id = a.job_id AND call.item_id = a.item_id AND call.stage = 'generate' AND call.sample = 0
        AND call.id < a.call_id AND call.state IN ('ok', 'recovered') AND NOT (call.id = ANY(:used))
    """
)
_SUPERSEDE_LATE = text(
    """
    UPDATE call SET state = 'superseded' FROM item_state st
    WHERE call.id = ANY(:ids) AND st.job_id = call.job_id AND st.stage = call.stage AND st.item_id = call.item_id
        AND st.sample = call.sample AND call.id < st.call_id
    """
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job with a target is: pairs kept, items ended, calls whose pairs are still to come.

    Those are under way, or their reply is stored and not read yet, which is looked for among the latest calls.
    """

    kept: int
    ended: int
    under_way: int


async def record_exactly(session: AsyncSession, outcomes: Sequence[Outcome], bucket: int) -> None:
    """`record_outcomes`, with no pair beyond what the order asked for: those are refused as surplus.

    What people decided about stays as it is.
    """
    outcomes = await keep_reviewed(session, outcomes)
    if any(o.target_pairs is not None and o.verdict is not None for o in outcomes):
        outcomes = await _keep_to_targets(session, outcomes)
    await record_outcomes(session, outcomes, bucket)
    await _note_ends(session, outcomes)


async def lock_jobs(session: AsyncSession, job_ids: Collection[int]) -> None:
    """Take the rows of jobs, in one order, until commit."""
    await session.execute(_LOCK, {"ids": sorted(job_ids)})


async def read_progress(session: AsyncSession, job_ids: Collection[int]) -> dict[int, Progress]:
    """How far jobs are; with their rows locked, no pair is added to them meanwhile."""
    ids = {"ids": sorted(job_ids)}
    counts = {job_id: (kept, ended) for job_id, kept, ended in await session.execute(_COUNTS, ids)}
    under_way: Counter[int] = Counter()
    for job_id, n in await session.execute(_UNDER_WAY, {**ids, "latest": _LATEST_CALLS}):
        under_way[job_id] += n
    return {job_id: Progress(*counts.get(job_id, (0, 0)), under_way=under_way[job_id]) for job_id in job_ids}


async def note_bounds(session: AsyncSession, bounds: Sequence[tuple[int, int]]) -> None:
    """Note how many pairs items may have, each by the call that ended it."""
    if bounds:
        parameters = {"calls": [call_id for call_id, _ in bounds], "mosts": [most for _, most in bounds]}
        await session.execute(_NOTE_BOUNDS, parameters)


async def _keep_to_targets(session: AsyncSession, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, those of jobs with a target with as many pairs as it leaves room for."""
    bound = [o for o in outcomes if o.target_pairs is not None and o.verdict is not None and o.stage == Stage.GENERATE]
    # All rows that this transaction will touch, in one order, so that it cannot stand in another's way.
    await lock_jobs(session, {o.job_id for o in outcomes if o.target_pairs is not None or o.has_budget})
    places = {"jobs": [o.job_id for o in bound], "items": [o.item_id for o in bound]}
    progress = await read_progress(session, {o.job_id for o in bound})
    left = {o.job_id: max(0, (o.target_pairs or 0) - progress[o.job_id].kept) for o in bound}
    ended: set[Place] = {(row[0], row[1]) for row in await session.execute(_ENDED, places)}
    there: dict[Place, set[int]] = defaultdict(set)
    for job_id, item_id, ordinal in await session.execute(_ORDINALS, places):
        there[job_id, item_id].add(ordinal)
    kept = []
    for outcome in outcomes:
        place = (outcome.job_id, outcome.item_id)
        if outcome.target_pairs is None or outcome.verdict != "done" or place in ended:
            kept.append(outcome)
            continue
        ended.add(place)
        cut, added = _cut_outcome(outcome, left[outcome.job_id], there[place])
        left[outcome.job_id] -= added
        kept.append(cut)
    return kept


def _cut_outcome(outcome: Outcome, left: int, there: Collection[int]) -> tuple[Outcome, int]:
    """The outcome with at most `left` pairs beside those already there; and how many it adds."""
    new = [pair for pair in outcome.pairs if pair.ordinal not in there]
    if outcome.most_pairs is not None:
        left = min(left, max(0, outcome.most_pairs - len(there)))
    surplus = new[left:]
    if not surplus:
        return outcome, len(new)
    target = outcome.target_pairs or 0
    refused = {pair.ordinal for pair in surplus}
    pairs = tuple(pair for pair in outcome.pairs if pair.ordinal not in refused)
    detail = explain_target(target, len(pairs), len(outcome.pairs))
    cut = replace(
        outcome,
        verdict="done" if pairs or there else "skipped",
        pairs=pairs,
        rejections=(*outcome.rejections, *(refuse_surplus(pair, say_target(target)) for pair in surplus)),
        ending=Ending(TARGET_REACHED, detail, outcome.end.call_id),
        most_pairs=len(there) + left,
    )
    return cut, left


async def _note_ends(session: AsyncSession, outcomes: Sequence[Outcome]) -> None:
    """Note how many pairs items may have that ended, and which replies about them count for nothing."""
    ended = [
        (o, o.end.call_id, o.pairs_per_item if o.most_pairs is None else o.most_pairs)
        for o in outcomes
        if o.verdict is not None and (o.pairs_per_item is not None or o.most_pairs is not None)
    ]
    noted = [(o, call_id, most) for o, call_id, most in ended if call_id is not None]
    if noted:
        places = {
            "jobs": [o.job_id for o, _, _ in noted],
            "items": [o.item_id for o, _, _ in noted],
            "calls": [call_id for _, call_id, _ in noted],
        }
        await session.execute(_NOTE_MOST, {**places, "mosts": [most for _, _, most in noted]})
        used = [reply.call_id for o, _, _ in noted for reply in o.earlier]
        if used:
            await session.execute(_SUPERSEDE_OLDER, {**places, "used": used})
    waiting = [o.call_id for o in outcomes if o.verdict is None and o.earlier and o.call_state in {"ok", "recovered"}]
    if waiting:
        await session.execute(_SUPERSEDE_LATE, {"ids": waiting})
