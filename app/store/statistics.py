"""Statistics: counted figures, and the runs that count them, under leases like those of exports.

A run is due while `wanted` is ahead of `served`; ordering one that is under way makes it due once more. Leases use
PostgreSQL's clock; every step but the claim is fenced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ScopeKind = Literal["job", "dataset", "all"]

MOST_ATTEMPTS = 3
SETTLE_S = 5.0  # a job that ended may be run again at once, and a worker has better things to do right then
RETRY_S = 10.0

_CAN_WORK = """
    wanted > served AND due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
"""
_ORDER = text(
    """
    INSERT INTO statistic_run AS run (scope, scope_id, wanted, due_at)
    VALUES (:scope, :scope_id, 1, clock_timestamp() + make_interval(secs => :delay_s))
    ON CONFLICT (scope, scope_id) DO UPDATE SET
        due_at = CASE WHEN run.wanted > run.served THEN least(run.due_at, excluded.due_at) ELSE excluded.due_at END,
        wanted = CASE WHEN run.wanted > run.served AND run.lease_until IS NULL THEN run.wanted ELSE run.wanted + 1 END,
        rung_at = NULL
    RETURNING id, fence
    """
)
_CLAIM = text(
    f"""
    UPDATE statistic_run SET fence = fence + 1, attempts = attempts + 1, owner = :owner, rung_at = NULL,
        lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = :run_id AND attempts < :most AND {_CAN_WORK}
    RETURNING scope, scope_id, wanted, fence, attempts
    """  # noqa: S608  # a constant of this module
)
_GIVE_UP = text(
    f"""
    UPDATE statistic_run SET served = wanted, attempts = 0, owner = NULL, lease_until = NULL,
        reason = coalesce(reason, 'worker_lost')
    WHERE id = :run_id AND attempts >= :most AND {_CAN_WORK}
    """  # noqa: S608  # a constant of this module
)
_KEEP = text(
    """
    UPDATE statistic_run SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = :run_id AND fence = :fence AND owner = :owner
    """
)
_FINISH = text(
    """
    UPDATE statistic_run SET served = :wanted, attempts = 0, owner = NULL, lease_until = NULL, rung_at = NULL,
        reason = NULL
    WHERE id = :run_id AND fence = :fence AND owner = :owner
    """
)
_RETURN = text(
    """
    UPDATE statistic_run SET owner = NULL, lease_until = NULL, rung_at = NULL, attempts = attempts - :forgiven,
        reason = :reason, due_at = clock_timestamp() + make_interval(secs => :delay_s)
    WHERE id = :run_id AND fence = :fence AND owner = :owner
    """
)
_DUE = text(
    f"""
    UPDATE statistic_run SET rung_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM statistic_run
        WHERE {_CAN_WORK} AND (rung_at IS NULL OR rung_at < clock_timestamp() - make_interval(secs => :again_s))
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, fence
    """  # noqa: S608  # a constant of this module
)
_WRITE = text(
    """
    INSERT INTO statistic (scope, scope_id, key, data, as_of)
    VALUES (:scope, :scope_id, :key, CAST(:data AS jsonb), :as_of)
    ON CONFLICT (scope, scope_id, key) DO UPDATE SET data = excluded.data, as_of = excluded.as_of
    """
)
_READ = text(
    "SELECT data::text AS data, as_of FROM statistic WHERE scope = :scope AND scope_id = :scope_id AND key = :key"
)
_SUMMARIES = text(
    """
    SELECT scope_id, data::text AS data FROM statistic
    WHERE scope = 'dataset' AND key = 'summary' AND scope_id = ANY(:ids)
    """
)
_RUN = text(
    """
    SELECT id, fence, wanted > served AS is_due, reason, due_at FROM statistic_run
    WHERE scope = :scope AND scope_id = :scope_id
    """
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What figures are about; the id of `all` is 0."""

    kind: ScopeKind
    id: int = 0


@dataclass(frozen=True, slots=True)
class CountLease:
    """A run in hand; `attempts` counts this try."""

    run_id: int
    scope: Scope
    owner: str
    wanted: int
    fence: int
    attempts: int


@dataclass(frozen=True, slots=True)
class RunState:
    """The run of a scope; `reason` says why the last one failed."""

    id: int
    fence: int
    is_due: bool
    reason: str | None
    due_at: datetime


async def order_count(session: AsyncSession, scope: Scope, delay_s: float = 0.0) -> tuple[int, int]:
    """Ask for a scope to be counted; ring for (run, fence) after the commit. Asking again before it begins is one."""
    values = {"scope": scope.kind, "scope_id": scope.id, "delay_s": delay_s}
    row = (await session.execute(_ORDER, values)).one()
    return row.id, row.fence


async def list_due_counts(session: AsyncSession, again_s: float, limit: int = 8) -> list[tuple[int, int]]:
    """(run, fence) of those to ring for, marked as rung."""
    rows = await session.execute(_DUE, {"again_s": again_s, "limit": limit})
    return [(row.id, row.fence) for row in rows]


async def claim_count(session: AsyncSession, run_id: int, owner: str, lease_s: float) -> CountLease | None:
    """Take the lease, raising the fence; None where somebody else has it, it is not due, or it was tried too often."""
    values = {"run_id": run_id, "owner": owner, "lease_s": lease_s, "most": MOST_ATTEMPTS}
    row = (await session.execute(_CLAIM, values)).first()
    if row is None:
        await session.execute(_GIVE_UP, {"run_id": run_id, "most": MOST_ATTEMPTS})
        return None
    return CountLease(run_id, Scope(row.scope, row.scope_id), owner, row.wanted, row.fence, row.attempts)


async def keep_count(session: AsyncSession, lease: CountLease, lease_s: float) -> bool:
    """Prolong the lease; False where it was lost."""
    return await _update(session, _KEEP, lease, lease_s=lease_s)


async def finish_count(session: AsyncSession, lease: CountLease) -> bool:
    """End the run; False where the lease was lost and nothing may be written."""
    return await _update(session, _FINISH, lease, wanted=lease.wanted)


async def return_count(session: AsyncSession, lease: CountLease, reason: str | None, *, is_forgiven: bool) -> bool:
    """Make the run due again: at once when the worker was asked to stop (no reason), a little later after a failure.

    A forgiven try does not count.
    """
    delay_s = 0.0 if reason is None else RETRY_S
    return await _update(session, _RETURN, lease, reason=reason, forgiven=int(is_forgiven), delay_s=delay_s)


async def write_statistic(session: AsyncSession, scope: Scope, key: str, data: dict[str, Any], as_of: datetime) -> None:
    """Replace what is stored of a scope under a key."""
    values = {"scope": scope.kind, "scope_id": scope.id, "key": key, "as_of": as_of}
    await session.execute(_WRITE, {**values, "data": orjson.dumps(data).decode()})


async def read_statistic(session: AsyncSession, scope: Scope, key: str) -> tuple[dict[str, Any], datetime] | None:
    """What is stored of a scope under a key, and as of when."""
    row = (await session.execute(_READ, {"scope": scope.kind, "scope_id": scope.id, "key": key})).first()
    return None if row is None else (orjson.loads(row.data), row.as_of)


async def read_dataset_summaries(session: AsyncSession, dataset_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The summaries of those datasets that were counted."""
    return {
        row.scope_id: orjson.loads(row.data) for row in await session.execute(_SUMMARIES, {"ids": list(dataset_ids)})
    }


async def read_run(session: AsyncSession, scope: Scope) -> RunState | None:
    """How the counting of a scope stands; None where it was never asked for."""
    row = (await session.execute(_RUN, {"scope": scope.kind, "scope_id": scope.id})).first()
    return None if row is None else RunState(row.id, row.fence, row.is_due, row.reason, row.due_at)


async def _update(session: AsyncSession, statement: Any, lease: CountLease, **values: object) -> bool:
    identity = {"run_id": lease.run_id, "fence": lease.fence, "owner": lease.owner}
    result = await session.execute(statement, {**identity, **values})
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's cursor result
