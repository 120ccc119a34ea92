"""Jobs: reading them, and moving them from state to state."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError, NotFoundError
from app.ids import encode_id
from app.pipeline.judging import JUDGING
from app.pipeline.lifecycle import FINAL_STATES, WORKING_STATES, can_move
from app.store.events import append_event
from app.store.models import Job
from app.store.statistics import SETTLE_S, Scope, order_count


async def get_job(session: AsyncSession, job_id: int, *, lock: bool = False) -> Job:
    """The job; with `lock` its row stays ours until commit. Raises NotFoundError."""
    statement = select(Job).where(Job.id == job_id)  # type: ignore[arg-type]  # a column
    if lock:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    job = (await session.execute(statement)).scalar_one_or_none()
    if job is None:
        raise NotFoundError("job", encode_id("job", job_id))
    return job


async def list_jobs(
    session: AsyncSession, after: int | None, limit: int, state: str | None = None, dataset_id: int | None = None
) -> Sequence[Job]:
    """Jobs from the newest on, below the id `after`."""
    statement = select(Job).order_by(Job.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(Job.id < after)  # type: ignore[arg-type]  # a column
    if state is not None:
        statement = statement.where(Job.state == state)  # type: ignore[arg-type]  # a column
    if dataset_id is not None:
        statement = statement.where(Job.dataset_id == dataset_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def move_job(
    session: AsyncSession, job: Job, target: str, reason: str | None = None, data: dict[str, Any] | None = None
) -> None:
    """Change the state of a job whose row is locked, stamp it and write the event; at its end order its statistics.

    A judging job has none: it makes no pairs.

    Raises ConflictError where the state machine has no such step.
    """
    if not can_move(job.state, target):
        raise ConflictError(f"A job that is {job.state} cannot become {target}.")
    data = {"state": target, "from": job.state, "reason": reason, **(data or {})}
    now = utc_now()
    job.state, job.reason, job.revision = target, reason, job.revision + 1
    if target == "queued":
        job.queued_at = now
    elif target == "paused":
        job.paused_at = now
    elif target == "in_progress" and job.started_at is None:
        job.started_at = now
    job.finished_at = now if target in FINAL_STATES else None
    await session.flush()
    await append_event(session, job.id, f"job.{target}", data)
    if target in FINAL_STATES and JUDGING not in job.policies:
        await order_count(session, Scope("job", job.id), SETTLE_S)


async def list_running_jobs(session: AsyncSession, job_ids: Sequence[int]) -> set[int]:
    """Those of the jobs in which calls may start."""
    statement = select(Job.id).where(Job.id.in_(job_ids), Job.state.in_(WORKING_STATES))  # type: ignore[attr-defined,call-overload]  # columns
    return set((await session.execute(statement)).scalars())
