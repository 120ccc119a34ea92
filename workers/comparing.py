"""The pass over all pairs of a job at its end: what rules of the whole job find is stored, under a lease."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from app.services.claims import Claim
from app.services.comparing import POSITIONS_AT_ONCE, compare_questions
from app.store.comparisons import TIMEOUT_S, Comparison, Likeness, Question, begin_comparison, read_found
from app.store.job_rules import mark_alike
from app.store.rereading import list_positions
from app.store.session import Sessions
from app.store.shards import hold_lease

_FOUND_AT_ONCE = 500


async def compare_job(sessions: Sessions, claim: Claim, owner: str, is_going: Callable[[], bool]) -> bool:
    """Whether the pass came to its end; what it finds is stored in batches, under the lease.

    Done twice it is done once, and two workers that are at it write the same.
    """
    plan, job = claim.job.filters, claim.job
    if plan is None or not plan.job_rules:
        return True
    severities = {code: severity.value for code, severity in plan.job_rules.items()}
    async with sessions() as session, session.begin():
        positions = await list_positions(session, job.job_id)
        comparison = await begin_comparison(session, job.job_id, job.dataset_id)
        if not await compare_questions(comparison, _read_all(comparison, positions), plan, is_going):
            return False
        cursor = await comparison.open_found()
        while rows := await cursor.fetch(_FOUND_AT_ONCE, timeout=TIMEOUT_S):
            found = [each for row in rows for each in read_found(row)]
            if not is_going() or not await _mark(sessions, claim, owner, found, severities):
                return False
    return True


async def _read_all(comparison: Comparison, positions: Sequence[int]) -> AsyncIterator[list[Question]]:
    for start in range(0, len(positions), POSITIONS_AT_ONCE):
        yield await comparison.read_questions(positions[start : start + POSITIONS_AT_ONCE])


async def _mark(
    sessions: Sessions, claim: Claim, owner: str, found: Sequence[Likeness], severities: Mapping[str, str]
) -> bool:
    async with sessions.begin() as session:
        if not await hold_lease(session, claim.lease, owner):
            return False
        await mark_alike(session, claim.job.job_id, found, severities)
    return True
