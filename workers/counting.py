"""Statistics: one run at a time, in a process beside this one that ends with it.

A run reads every pair of a job and loads a parser of 150 MB; neither belongs into a process with calls in flight.
"""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

import orjson

from app.resources import Resources
from app.store.outages import is_outage
from app.store.statistics import CountLease, claim_count, keep_count, list_due_counts, return_count

PROGRAM = "workers.count_apart"
STATUS_AWAY = 75  # the program's exit status while PostgreSQL is away

_ROOT = Path(__file__).resolve().parents[1]
_LOOK_S = 2.0  # less than what the dispatcher leaves between two rings, or its unheard ones would hide what is due
_BEATS_PER_LEASE = 4
_MOST_RUNG = 64

log = logging.getLogger("syphus.counting")


class CountFailedError(Exception):
    """The program ended without having counted; its own log says more."""


class Statistician:
    """Takes up runs when it is rung, and every few seconds in case nobody was heard ringing."""

    def __init__(self, resources: Resources, worker_id: str) -> None:
        self._resources = resources
        self._worker_id = worker_id
        self._rung: list[int] = []
        self._bell = asyncio.Event()

    def ring(self, run_id: int) -> None:
        """Look at this run soon."""
        if run_id not in self._rung and len(self._rung) < _MOST_RUNG:
            self._rung.append(run_id)
        self._bell.set()

    async def run(self) -> None:
        """Work until cancelled; a run that is under way then is given back."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._bell.wait()
            self._bell.clear()
            try:
                while (run_id := await self._choose()) is not None:
                    await work_count(self._resources, run_id, self._worker_id)
            except Exception as error:
                log.warning("count_not_taken_up", extra={"error": type(error).__name__, "detail": str(error)[:200]})

    async def _choose(self) -> int | None:
        if self._rung:
            return self._rung.pop(0)
        async with self._resources.sessions.begin() as session:
            due = await list_due_counts(session, _LOOK_S, 1)
        return due[0][0] if due else None


async def work_count(resources: Resources, run_id: int, owner: str) -> None:
    """Count a scope's figures, if that is due and nobody else is at it.

    May run twice, by any number of workers, and has one effect: only the holder of the newest fence can write. A try
    that fails is repeated, three times in all; one that is cancelled, or that PostgreSQL failed, does not count.
    """
    lease_s = resources.settings.lease_s
    async with resources.sessions.begin() as session:
        lease = await claim_count(session, run_id, owner, lease_s)
    if lease is None:
        return
    work = asyncio.ensure_future(_run_apart(resources, lease))
    beat = asyncio.ensure_future(_keep(resources, lease))
    try:
        await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            log.warning("count_lease_lost", extra={"run": run_id, "fence": lease.fence})
        elif (error := work.exception()) is not None:
            await _return(resources, lease, f"{type(error).__name__}: {error}"[:500], is_forgiven=is_outage(error))
    except asyncio.CancelledError:
        await _stop(beat, work)
        await _return(resources, lease, None, is_forgiven=True)
        raise
    finally:
        await _stop(beat, work)


async def _run_apart(resources: Resources, lease: CountLease) -> None:
    """Run the program to its end; raises CountFailedError, or TimeoutError where PostgreSQL was away."""
    settings = resources.settings
    order = {
        "database_url": settings.database_url,
        "sample": settings.stats_sample,
        "log_level": settings.log_level,
        "run_id": lease.run_id,
        "scope": {"kind": lease.scope.kind, "id": lease.scope.id},
        "owner": lease.owner,
        "wanted": lease.wanted,
        "fence": lease.fence,
        "attempts": lease.attempts,
    }
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", PROGRAM, stdin=PIPE, env=environment)
    try:
        await _send(process, orjson.dumps(order) + b"\n")
        status = await process.wait()
    finally:
        await _end(process)
    if status == STATUS_AWAY:
        raise TimeoutError("PostgreSQL was away")
    if status:
        raise CountFailedError(f"the program ended with status {status}")


async def _send(process: Process, line: bytes) -> None:
    """The order goes through the pipe, which stays open: its end tells the program that this worker is gone."""
    if process.stdin is not None:
        process.stdin.write(line)
        with suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.drain()


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _return(resources: Resources, lease: CountLease, reason: str | None, *, is_forgiven: bool) -> None:
    """Back among the due runs; while PostgreSQL is away the lease runs out by itself."""
    if reason is not None:
        log.warning("count_failed", extra={"run": lease.run_id, "attempt": lease.attempts, "detail": reason})
    try:
        async with resources.sessions.begin() as session:
            await return_count(session, lease, reason, is_forgiven=is_forgiven)
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("count_left_to_its_lease", extra={"run": lease.run_id})


async def _keep(resources: Resources, lease: CountLease) -> None:
    """Prolong the lease until it is lost; a try that PostgreSQL did not answer is repeated while the lease lasts."""
    lease_s = resources.settings.lease_s
    loop = asyncio.get_running_loop()
    kept_at = loop.time()
    while loop.time() - kept_at < 0.8 * lease_s:
        await asyncio.sleep(lease_s / _BEATS_PER_LEASE)
        started_at = loop.time()
        try:
            async with resources.sessions.begin() as session:
                if not await keep_count(session, lease, lease_s):
                    return
            kept_at = started_at
        except Exception as error:
            if not is_outage(error):
                raise


async def _stop(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
