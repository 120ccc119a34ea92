"""The dispatcher: one leader among the workers expires leases, moves jobs on and rings for what is due.

Every worker runs one; a session-level advisory lock of PostgreSQL decides who leads, and falls with its connection.
"""

import asyncio
import logging

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.cancelling import end_tasks
from app.resources import Resources
from app.services.cold_starts.advancing import advance_cold_starts
from app.services.fleet import (
    advance_jobs,
    count_fleet,
    end_frozen_sessions,
    expire_overdue_leases,
    note_worker,
    ring_due_work,
    sweep,
)
from app.services.late_answers import settle_open_calls
from app.store.outages import is_outage

log = logging.getLogger("syphus.dispatcher")

_LEADER_LOCK = 7305002
_FROZEN = text("SET idle_session_timeout = '5s'")  # a leader that is stopped, or cut off, must not lead on
_AWAKE_S = 1.0
_SEEN_S = 5.0
_SETTLE_S = 5.0
_SWEEP_S = 300.0
_MESSAGES_PER_WORKER = 8
_LEAST_CALM_S = 5.0


class Contact:
    """Since when PostgreSQL has answered this worker without a break.

    While PostgreSQL is away nobody can keep a lease. Were leases taken back the moment it returns, calls that are under
    way and well would be asked, and paid, a second time: every worker that lives gets the time to keep its own first.
    """

    def __init__(self, lease_s: float) -> None:
        self._longest_gap_s = lease_s / 2
        self._calm_s = max(_LEAST_CALM_S, lease_s / 4)  # leases are kept every quarter of their time
        self._since = self._last = float("-inf")

    def note(self, now: float) -> None:
        """PostgreSQL has just answered."""
        if now - self._last > self._longest_gap_s:
            self._since = now
        self._last = now

    def lose(self) -> None:
        """PostgreSQL did not answer."""
        self._last = float("-inf")

    def is_calm(self, now: float) -> bool:
        """Whether a lease that is overdue now belongs to nobody who lives."""
        return now - self._since >= self._calm_s


class Dispatcher:
    """Runs until cancelled; an outage of PostgreSQL only makes it wait."""

    def __init__(self, resources: Resources, worker_id: str) -> None:
        self._resources = resources
        self._worker_id = worker_id
        self._connection: AsyncConnection | None = None
        self._seen_at = self._freed_at = self._settled_at = self._swept_at = float("-inf")
        self._contact = Contact(resources.settings.lease_s)

    async def run(self) -> None:
        tick_s = self._resources.settings.tick_s
        try:
            while True:
                try:
                    await self._tick()
                except Exception as error:
                    log.warning("tick_failed", extra={"error": type(error).__name__, "detail": str(error)[:200]})
                    if is_outage(error):
                        self._contact.lose()
                    await self._resign()
                await asyncio.sleep(tick_s)
        finally:
            await self._resign()

    async def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._seen_at > _SEEN_S:
            await note_worker(self._resources.sessions, self._worker_id, self._resources.settings.concurrency)
            self._seen_at = now
        await self._free()
        leads = await self._leads()
        self._contact.note(asyncio.get_running_loop().time())
        if leads:
            await self._stay_awake(asyncio.create_task(self._lead()))

    async def _stay_awake(self, leading: "asyncio.Task[None]") -> None:
        """See the leader's work through; its session is used meanwhile, or a long tick would lose the lock by idling.

        Where that session is lost and another leads by now, the work is broken off.
        """
        try:
            while not (await asyncio.wait({leading}, timeout=_AWAKE_S))[0]:
                if not await self._leads():
                    return
                self._contact.note(asyncio.get_running_loop().time())
                await self._free()
        finally:
            await end_tasks(leading)
        leading.result()

    async def _free(self) -> None:
        """Take from frozen processes what they lock: everybody does, since it may be the lead."""
        now = asyncio.get_running_loop().time()
        if now - self._freed_at < _AWAKE_S:
            return
        self._freed_at = now
        ended = await end_frozen_sessions(self._resources.sessions, self._resources.settings.lease_s)
        if ended:
            log.warning("frozen_sessions_ended", extra={"sessions": ended})

    async def _lead(self) -> None:
        """Do once what only the leader does."""
        now = asyncio.get_running_loop().time()
        sessions, settings = self._resources.sessions, self._resources.settings
        if self._contact.is_calm(now):
            await expire_overdue_leases(sessions)
        await advance_jobs(sessions, settings)
        await advance_cold_starts(self._resources)
        async with sessions() as session:
            workers, _ = await count_fleet(session)
        await ring_due_work(self._resources, _MESSAGES_PER_WORKER * max(1, workers))
        if now - self._settled_at > _SETTLE_S:
            await settle_open_calls(sessions)
            self._settled_at = now
        if now - self._swept_at > _SWEEP_S:
            await sweep(sessions)
            self._swept_at = now

    async def _leads(self) -> bool:
        """Whether this worker holds the leader's lock, taking it where it is free."""
        if await self._still_leads():
            return True
        engine: AsyncEngine = self._resources.sessions.kw["bind"]
        self._connection = connection = await engine.connect()  # should anything break now, it is given up
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        taken = (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LEADER_LOCK})).scalar()
        if taken:
            await connection.execute(_FROZEN)
            log.info("leading", extra={"worker": self._worker_id})
        else:
            self._connection = None
            await connection.close()
        return bool(taken)

    async def _still_leads(self) -> bool:
        """Whether the lock is held from the tick before.

        PostgreSQL ends the connection of a leader that is silent for long, and takes a slow tick for silence. That is
        no outage: where PostgreSQL is away, the next connection says so.
        """
        if self._connection is None:
            return False
        try:
            await self._connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            log.info("lead_lost", extra={"worker": self._worker_id, "error": type(error).__name__})
            await self._resign()
            return False
        return True

    async def _resign(self) -> None:
        """Give up the lock by giving up its connection."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.invalidate()
            await connection.close()
        except Exception as error:
            log.info("resign_failed", extra={"error": type(error).__name__})
