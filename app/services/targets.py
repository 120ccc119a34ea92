"""Targets of jobs at work: which items are still asked, and how many calls may be under way for what is missing."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import ration_calls
from app.services.claims import JobContext
from app.services.further import end_item, is_asked_out, skip_item
from app.services.units import ItemUnit
from app.store.outcomes import Outcome
from app.store.quotas import Progress, lock_jobs, read_progress
from app.store.session import Sessions

Counted = tuple[ItemUnit, int]
"""An item, and how many replies about it were read."""


async def sort_items(
    sessions: Sessions, job: JobContext, items: Sequence[Counted]
) -> tuple[list[Counted], list[Outcome]]:
    """The items that are to be asked, and the ends of those that are not: asked often enough, or needed no more."""
    if job.target_pairs is not None and items:
        async with sessions() as session:
            progress = (await read_progress(session, [job.job_id]))[job.job_id]
        if progress.kept >= job.target_pairs:
            return [], [skip_item(job, unit) for unit, _ in items]
    if job.pairs_per_item is None:
        return list(items), []
    asked = [(unit, rounds) for unit, rounds in items if not is_asked_out(unit, rounds)]
    return asked, [end_item(job, unit) for unit, rounds in items if is_asked_out(unit, rounds)]


async def read_room(
    session: AsyncSession, jobs: Sequence[JobContext], others: Sequence[JobContext] = ()
) -> dict[int, int | None]:
    """How many calls of each job may start for pairs that its target lacks; None where it lacks none.

    The rows of the jobs stay locked until commit, and those of `others` with them, so that all are taken in one order.
    """
    if not jobs:
        return {}
    await lock_jobs(session, {job.job_id for job in (*jobs, *others)})
    progress = await read_progress(session, {job.job_id for job in jobs})
    return {job.job_id: _count_room(job, progress[job.job_id]) for job in jobs}


def _count_room(job: JobContext, progress: Progress) -> int | None:
    missing = (job.target_pairs or 0) - progress.kept
    if missing <= 0:
        return None
    return ration_calls(
        missing, progress.under_way, kept=progress.kept, ended=progress.ended, expected=job.expected_pairs
    )
