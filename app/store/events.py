"""What happened to a job, in order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models import JobEvent


async def append_event(session: AsyncSession, job_id: int, event_type: str, data: dict[str, Any]) -> None:
    """Number and store an event; the caller holds the job's row, so numbers have no gaps."""
    numbered = select(func.coalesce(func.max(JobEvent.seq), 0) + 1).where(JobEvent.job_id == job_id)  # type: ignore[arg-type]  # a column
    statement = insert(JobEvent).values(job_id=job_id, seq=numbered.scalar_subquery(), type=event_type, data=data)
    await session.execute(statement)


async def list_events(session: AsyncSession, job_id: int, after_seq: int, limit: int) -> Sequence[JobEvent]:
    """Events with a higher number than `after_seq`, oldest first."""
    statement = (
        select(JobEvent)
        .where(JobEvent.job_id == job_id, JobEvent.seq > after_seq)  # type: ignore[arg-type]  # columns
        .order_by(JobEvent.seq)  # type: ignore[arg-type]  # a column
        .limit(limit)
    )
    return (await session.execute(statement)).scalars().all()
