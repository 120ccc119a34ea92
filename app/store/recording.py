"""Recording outcomes, with their pairs, rejections and counts, in one transaction.

Two compare-and-sets decide: a call leaves `stored` (or `started`) once, so usage is counted once; a unit gets its
`item_state` once, so one call's pairs win and a later one is kept as `superseded`, still billed.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import SHORT
from app.store.new_pairs import insert_pairs, insert_rejections
from app.store.outcomes import LONGEST_DETAIL, Outcome
from app.store.tallies import add_tallies

Unit = tuple[int, str, int, int]

_CLOSE_CALLS = text(
    """
    UPDATE call SET state = a.state, error_code = a.error_code, error_detail = a.error_detail,
        finish_reason = a.finish_reason, http_status = coalesce(a.http_status, call.http_status),
        prompt_tokens = a.prompt_tokens, completion_tokens = a.completion_tokens, cached_tokens = a.cached_tokens,
        cost_micros = a.cost_micros, finished_at = coalesce(call.finished_at, clock_timestamp())
    FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]),
            CAST(:reasons AS text[]), CAST(:statuses AS int[]), CAST(:prompts AS int[]), CAST(:completions AS int[]),
            CAST(:cached AS int[]), CAST(:costs AS bigint[]))
        AS a (id, state, error_code, error_detail, finish_reason, http_status, prompt_tokens, completion_tokens,
            cached_tokens, cost_micros)
    WHERE call.id = a.id AND call.state IN ('started', 'stored', 'unknown')
    RETURNING call.id, call.reserved_micros
    """
)
_WIN = text(
    """
    INSERT INTO item_state (job_id, stage, item_id, sample, state, code, detail, call_id)
    SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:stages AS text[]), CAST(:items AS bigint[]),
        CAST(:samples AS smallint[]), CAST(:states AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]),
        CAST(:calls AS bigint[]))
    ON CONFLICT DO NOTHING
    RETURNING job_id, stage, item_id, sample
    """
)
_SUPERSEDE = text("UPDATE call SET state = 'superseded' WHERE id = ANY(:ids)")
_RELEASE = text("UPDATE job SET held_micros = held_micros - :released WHERE id = :job_id AND budget_micros IS NOT NULL")


async def record_outcomes(session: AsyncSession, outcomes: Sequence[Outcome], bucket: int) -> None:
    """Record a batch; what another worker recorded first is left as it is."""
    tallies: Counter[tuple[int, str]] = Counter()
    fresh = await _close_calls(session, outcomes, tallies)
    counted = [outcome for outcome in outcomes if outcome.call_state is None or outcome.call_id in fresh]
    winners = await _win_units(session, counted, tallies)
    effective = [outcome for outcome in counted if outcome.verdict is None or _unit(outcome) in winners]
    await insert_pairs(session, effective, tallies)
    await insert_rejections(session, effective, tallies)
    await add_tallies(session, tallies, bucket)


def _unit(outcome: Outcome) -> Unit:
    return (outcome.job_id, outcome.stage, outcome.item_id, outcome.sample)


async def _close_calls(
    session: AsyncSession, outcomes: Sequence[Outcome], tallies: Counter[tuple[int, str]]
) -> set[int]:
    """Move calls to their state and count what they used; answers those that had not been counted before."""
    closing = {o.call_id: o for o in outcomes if o.call_state is not None and o.call_id is not None}
    if not closing:
        return set()
    ordered = list(closing.values())
    parameters = {
        "ids": list(closing),
        "states": [o.call_state for o in ordered],
        "codes": [o.code if o.call_state == "failed" else None for o in ordered],
        "details": [(o.detail or "")[:LONGEST_DETAIL] if o.call_state == "failed" else None for o in ordered],
        "reasons": [o.finish_reason for o in ordered],
        "statuses": [o.http_status for o in ordered],
        "prompts": [o.usage.prompt_tokens for o in ordered],
        "completions": [o.usage.completion_tokens for o in ordered],
        "cached": [o.usage.cached_tokens for o in ordered],
        "costs": [o.cost_micros for o in ordered],
    }
    released: Counter[int] = Counter()
    fresh = set()
    for call_id, reserved_micros in await session.execute(_CLOSE_CALLS, parameters):
        outcome = closing[call_id]
        fresh.add(call_id)
        _tally_usage(outcome, tallies)
        if outcome.has_budget and not outcome.keep_reserved:
            released[outcome.job_id] += reserved_micros - outcome.cost_micros
    for job_id, micros in sorted(released.items()):
        await session.execute(_RELEASE, {"job_id": job_id, "released": micros})
    return fresh


def _tally_usage(outcome: Outcome, tallies: Counter[tuple[int, str]]) -> None:
    job_id = outcome.job_id
    tallies[job_id, "usage.calls"] += 1
    tallies[job_id, f"calls.{outcome.call_state}"] += 1
    tallies[job_id, "usage.prompt_tokens"] += outcome.usage.prompt_tokens
    tallies[job_id, "usage.completion_tokens"] += outcome.usage.completion_tokens
    tallies[job_id, "usage.cached_tokens"] += outcome.usage.cached_tokens
    tallies[job_id, "cost_micros"] += outcome.cost_micros


async def _win_units(
    session: AsyncSession, outcomes: Sequence[Outcome], tallies: Counter[tuple[int, str]]
) -> set[Unit]:
    """Set the state of units that have none; answers the units this batch has won."""
    ending = {_unit(o): o for o in reversed(outcomes) if o.verdict is not None}
    if not ending:
        return set()
    ordered = [ending[unit] for unit in sorted(ending)]
    ends = [o.end for o in ordered]
    parameters = {
        "jobs": [o.job_id for o in ordered],
        "stages": [o.stage for o in ordered],
        "items": [o.item_id for o in ordered],
        "samples": [o.sample for o in ordered],
        "states": [o.verdict for o in ordered],
        "codes": [end.code for end in ends],
        "details": [end.detail[:LONGEST_DETAIL] if end.detail else None for end in ends],
        "calls": [end.call_id for end in ends],
    }
    won = {(row[0], row[1], row[2], row[3]) for row in await session.execute(_WIN, parameters)}
    for unit in won:
        family = "items" if unit[1] == "generate" else unit[1]
        tallies[unit[0], f"{family}.{ending[unit].verdict}"] += 1
        tallies[unit[0], SHORT] += ending[unit].end.code == SHORT
    lost = [o.call_id for o in ordered if _unit(o) not in won and o.call_state in {"ok", "recovered"}]
    if lost:
        await session.execute(_SUPERSEDE, {"ids": lost})
    return won
