"""Exports: their rows and leases. Leases use PostgreSQL's clock; every step but the claim is fenced."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.store.models import Export

MOST_ATTEMPTS = 3
DUE_EXPORTS = 32

_IS_DUE = "(state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp()))"
_CLAIM = text(
    f"""
    UPDATE export SET state = 'running', fence = fence + 1, attempts = attempts + 1, owner = :owner, rung_at = NULL,
        lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = :export_id AND attempts < :most AND {_IS_DUE}
    RETURNING fence, attempts
    """  # noqa: S608  # a constant of this module
)
_GIVE_UP = text(
    f"""
    UPDATE export SET state = 'failed', reason = 'worker_lost', owner = NULL, lease_until = NULL,
        finished_at = clock_timestamp()
    WHERE id = :export_id AND attempts >= :most AND {_IS_DUE}
    """  # noqa: S608  # a constant of this module
)
_KEEP = text(
    """
    UPDATE export SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = :export_id AND fence = :fence AND owner = :owner AND state = 'running'
    """
)
_FINISH = text(
    """
    UPDATE export SET state = :state, reason = :reason, owner = NULL, lease_until = NULL, rung_at = NULL,
        progress = '{}'::jsonb, files = CAST(:files AS jsonb), counts = CAST(:counts AS jsonb),
        certificate = CAST(:certificate AS jsonb), finished_at = clock_timestamp()
    WHERE id = :export_id AND fence = :fence AND owner = :owner AND state = 'running'
    """
)
_NOTE = text(
    """
    UPDATE export SET progress = CAST(:progress AS jsonb)
    WHERE id = :export_id AND fence = :fence AND owner = :owner AND state = 'running'
    """
)
_RETURN = text(
    """
    UPDATE export SET state = 'queued', owner = NULL, lease_until = NULL, rung_at = clock_timestamp(),
        attempts = attempts - :forgiven, reason = :reason
    WHERE id = :export_id AND fence = :fence AND owner = :owner AND state = 'running'
    """
)
_DUE = text(
    f"""
    UPDATE export SET rung_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM export
        WHERE {_IS_DUE} AND (rung_at IS NULL OR rung_at < clock_timestamp() - make_interval(secs => :again_s))
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, fence
    """  # noqa: S608  # a constant of this module
)
_HAS_PAIRS = text("SELECT EXISTS (SELECT 1 FROM pair WHERE job_id = :job_id)")


@dataclass(frozen=True, slots=True)
class ExportLease:
    """An export in hand; `attempts` counts this try."""

    export_id: int
    owner: str
    fence: int
    attempts: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """How an export ended: `completed`, or `failed` with a reason."""

    state: str
    files: Sequence[dict[str, Any]]
    counts: dict[str, Any]
    certificate: dict[str, Any] | None
    reason: str | None = None


async def get_export(session: AsyncSession, export_id: int) -> Export:
    """The export as it stands now; raises NotFoundError."""
    export = await session.get(Export, export_id, populate_existing=True)
    if export is None:
        raise NotFoundError("export", encode_id("export", export_id))
    return export


async def list_exports(
    session: AsyncSession, after: int | None, limit: int, job_id: int | None = None
) -> Sequence[Export]:
    """Exports from the newest on, below the id `after`."""
    statement = select(Export).order_by(Export.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(Export.id < after)  # type: ignore[arg-type]  # a column
    if job_id is not None:
        statement = statement.where(Export.job_id == job_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def has_pairs(session: AsyncSession, job_id: int) -> bool:
    """Whether the job has made any pair yet."""
    return bool((await session.execute(_HAS_PAIRS, {"job_id": job_id})).scalar_one())


async def list_due_exports(session: AsyncSession, again_s: float, limit: int = DUE_EXPORTS) -> list[tuple[int, int]]:
    """(export, fence) of those to ring for, marked as rung: queued ones and those whose worker was lost."""
    rows = await session.execute(_DUE, {"again_s": again_s, "limit": limit})
    return [(row.id, row.fence) for row in rows]


async def claim_export(session: AsyncSession, export_id: int, owner: str, lease_s: float) -> ExportLease | None:
    """Take the lease, raising the fence; None where somebody else has it, it has ended, or it was tried too often."""
    values = {"export_id": export_id, "owner": owner, "lease_s": lease_s, "most": MOST_ATTEMPTS}
    row = (await session.execute(_CLAIM, values)).first()
    if row is None:
        await session.execute(_GIVE_UP, {"export_id": export_id, "most": MOST_ATTEMPTS})
        return None
    return ExportLease(export_id, owner, row.fence, row.attempts)


async def keep_export(session: AsyncSession, lease: ExportLease, lease_s: float) -> bool:
    """Prolong the lease; False where it was lost."""
    return await _update(session, _KEEP, lease, lease_s=lease_s)


async def note_progress(session: AsyncSession, lease: ExportLease, progress: dict[str, Any]) -> bool:
    """Keep what is finished for a later try; False where the lease was lost."""
    return await _update(session, _NOTE, lease, progress=orjson.dumps(progress).decode())


async def finish_export(session: AsyncSession, lease: ExportLease, result: ExportResult) -> bool:
    """End the export; False where the lease was lost and nothing changed."""
    certificate = None if result.certificate is None else orjson.dumps(result.certificate).decode()
    return await _update(
        session,
        _FINISH,
        lease,
        state=result.state,
        reason=result.reason,
        files=orjson.dumps(list(result.files)).decode(),
        counts=orjson.dumps(result.counts).decode(),
        certificate=certificate,
    )


async def return_export(session: AsyncSession, lease: ExportLease, reason: str | None, *, is_forgiven: bool) -> bool:
    """Put the export back into the queue; a forgiven try (the worker was asked to stop) does not count."""
    return await _update(session, _RETURN, lease, reason=reason, forgiven=int(is_forgiven))


async def _update(session: AsyncSession, statement: Any, lease: ExportLease, **values: object) -> bool:
    identity = {"export_id": lease.export_id, "fence": lease.fence, "owner": lease.owner}
    result = await session.execute(statement, {**identity, **values})
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's cursor result
