"""Review rules: their rows, the pairs that they are about, and what each application did."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.store.models import ReviewRule, ReviewRuleRun
from app.store.reading import AnyRow
from app.store.session import driver_connection

ROWS_AHEAD = 1000
TIMEOUT_S = 600.0
_CHUNK = 10_000

_JOBS = text(
    """
    SELECT id FROM job
    WHERE (id = :job_id OR dataset_id = :dataset_id) AND (:language = 'en' OR :language = ANY(languages)) ORDER BY id
    """
)
_ALIKE = """
    SELECT id, revision, instruction, response, status FROM pair
    WHERE job_id = $1 AND language = $2 AND status <> 'rejected'
        AND ($3::text IS NULL OR strpos(instruction, $3) > 0 OR strpos(response, $3) > 0)
    ORDER BY id
"""
_ADD = text(
    """
    INSERT INTO review_rule_pair (run_id, pair_id, revision)
    SELECT :run_id, a.pair_id, a.revision
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:revisions AS int[])) AS a (pair_id, revision)
    """
)
_NEXT = text(
    """
    SELECT pair_id, revision, edit_id FROM review_rule_pair
    WHERE run_id = :run_id AND state = :state ORDER BY pair_id LIMIT :limit
    """
)
_SETTLE = text(
    """
    UPDATE review_rule_pair r SET state = a.state, reason = a.reason, edit_id = coalesce(a.edit_id, r.edit_id),
        revision = coalesce((SELECT p.revision FROM pair p WHERE p.id = r.pair_id), r.revision)
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:edits AS bigint[]))
        AS a (pair_id, state, reason, edit_id)
    WHERE r.run_id = :run_id AND r.pair_id = a.pair_id
    """
)
_GIVE_UP_WAITING = text(
    "UPDATE review_rule_pair SET state = 'skipped', reason = 'undone' WHERE run_id = :run_id AND state = 'waiting'"
)
_UNCHANGED = text(
    """
    SELECT pair_id, reason FROM review_rule_pair
    WHERE run_id = :run_id AND state IN ('skipped', 'left') ORDER BY pair_id LIMIT :limit
    """
)
_TOUCHED = text(
    """
    SELECT a.pair_id, CASE
            WHEN EXISTS (SELECT 1 FROM pair_edit e WHERE e.pair_id = a.pair_id AND e.id > a.edit_id) THEN 'edited'
            WHEN EXISTS (SELECT 1 FROM pair_review v WHERE v.pair_id = a.pair_id AND v.revision > a.revision)
                THEN 'reviewed'
        END AS reason
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:edits AS bigint[]), CAST(:revisions AS int[]))
        AS a (pair_id, edit_id, revision)
    """
)


async def get_rule(session: AsyncSession, rule_id: int, *, lock: bool = False) -> ReviewRule:
    """The rule; with `lock` its row stays ours until commit. Raises NotFoundError."""
    statement = select(ReviewRule).where(ReviewRule.id == rule_id)  # type: ignore[arg-type]  # a column
    if lock:
        statement = statement.with_for_update(key_share=True)
    rule = (await session.execute(statement)).scalar_one_or_none()
    if rule is None:
        raise NotFoundError("rule", encode_id("rule", rule_id))
    return rule


async def list_rules(session: AsyncSession, after: int | None, limit: int, job_id: int | None) -> Sequence[ReviewRule]:
    """Rules from the newest on, below the id `after`."""
    statement = select(ReviewRule).order_by(ReviewRule.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(ReviewRule.id < after)  # type: ignore[arg-type]  # a column
    if job_id is not None:
        statement = statement.where(ReviewRule.job_id == job_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def list_runs(session: AsyncSession, rule_ids: Sequence[int]) -> Sequence[ReviewRuleRun]:
    """The applications of these rules, in order."""
    statement = (
        select(ReviewRuleRun).where(ReviewRuleRun.rule_id.in_(rule_ids)).order_by(ReviewRuleRun.id)  # type: ignore[attr-defined,arg-type]  # columns
    )
    return (await session.execute(statement)).scalars().all()


async def find_last_run(session: AsyncSession, rule_id: int) -> ReviewRuleRun | None:
    """The newest application of a rule, its row ours until commit."""
    statement = (
        select(ReviewRuleRun)
        .where(ReviewRuleRun.rule_id == rule_id)  # type: ignore[arg-type]  # a column
        .order_by(ReviewRuleRun.id.desc())  # type: ignore[attr-defined]  # a column
        .limit(1)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def stream_candidates(
    session: AsyncSession, rule: ReviewRule, needle: str | None
) -> AsyncIterator[Sequence[Any]]:
    """Batches of (id, revision, instruction, response, status) of pairs that a rule may be about, by job and id.

    needle: a text that either side has in it; None for all pairs of the rule's scope and language
    """
    scope = {"job_id": rule.job_id or 0, "dataset_id": rule.dataset_id or 0, "language": rule.language}
    jobs = list((await session.execute(_JOBS, scope)).scalars())
    connection = await driver_connection(session)
    for job_id in jobs:
        cursor = await connection.cursor(_ALIKE, job_id, rule.language, needle, timeout=TIMEOUT_S)
        while rows := await cursor.fetch(ROWS_AHEAD, timeout=TIMEOUT_S):
            yield rows


async def add_run_pairs(session: AsyncSession, run_id: int, pairs: Sequence[tuple[int, int]]) -> None:
    """Note the pairs of a run, as (pair, revision)."""
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        parameters = {"pairs": [pair for pair, _ in chunk], "revisions": [revision for _, revision in chunk]}
        await session.execute(_ADD, {"run_id": run_id, **parameters})


async def list_run_pairs(session: AsyncSession, run_id: int, state: str, limit: int) -> Sequence[AnyRow]:
    """(pair, revision, edit) of the first pairs of a run that are in a state."""
    return (await session.execute(_NEXT, {"run_id": run_id, "state": state, "limit": limit})).all()


async def settle_run_pairs(
    session: AsyncSession, run_id: int, settled: Sequence[tuple[int, str, str | None, int | None]]
) -> None:
    """Note how it went with pairs of a run, as (pair, state, reason, edit), and the revision that they have now."""
    parameters = {
        "run_id": run_id,
        "pairs": [entry[0] for entry in settled],
        "states": [entry[1] for entry in settled],
        "reasons": [entry[2] for entry in settled],
        "edits": [entry[3] for entry in settled],
    }
    await session.execute(_SETTLE, parameters)


async def give_up_waiting(session: AsyncSession, run_id: int) -> int:
    """Set aside what an unfinished run has not come to; answers how many."""
    result = await session.execute(_GIVE_UP_WAITING, {"run_id": run_id})
    return int(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has a row count


async def list_unchanged(session: AsyncSession, run_id: int, limit: int) -> Sequence[AnyRow]:
    """(pair, reason) of the first pairs that a run, or its undoing, left alone."""
    return (await session.execute(_UNCHANGED, {"run_id": run_id, "limit": limit})).all()


async def find_touched(session: AsyncSession, changed: Sequence[tuple[int, int, int]]) -> dict[int, str | None]:
    """What people did to pairs after a rule's edit, given as (pair, edit, revision): `edited`, `reviewed` or None."""
    parameters = {
        "pairs": [entry[0] for entry in changed],
        "edits": [entry[1] for entry in changed],
        "revisions": [entry[2] for entry in changed],
    }
    return {row.pair_id: row.reason for row in await session.execute(_TOUCHED, parameters)}
