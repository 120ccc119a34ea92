"""Claiming: which shards this worker has in hand, and whether they are still its own."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from app.clock import monotonic_s
from app.resources import Resources
from app.services.claims import Claim, claim_work
from app.services.exporting.work import work_export
from app.store.exports import list_due_exports
from app.store.jobs import list_running_jobs
from app.store.shards import keep_leases
from workers.calling import Caller
from workers.relating.unit import WholeJobs
from workers.run import Desk, ShardRun
from workers.tasks import Tasks

log = logging.getLogger("syphus.claiming")

_WATCH_S = 0.5
_LOOK_S = 2.0
_FAILED_RUN_S = 5.0


class Claimer:
    """Takes shards while the caller could go hungry, keeps their leases, and takes up exports."""

    def __init__(
        self, resources: Resources, caller: Caller, tasks: Tasks, whole_jobs: WholeJobs, worker_id: str, bucket: int
    ) -> None:
        self._resources = resources
        self._sessions = resources.sessions
        self._caller = caller
        self._tasks = tasks
        self._worker_id = worker_id
        self._bucket = bucket
        self._desk = Desk(
            resources.sessions,
            worker_id,
            bucket,
            caller.submit,
            caller.endings.detector,
            whole_jobs.relate,
            resources.settings.lease_s,
        )
        self._slots = resources.settings.concurrency
        self._runs: dict[int, ShardRun] = {}
        self._working: set[asyncio.Task[Any]] = set()
        self._exports: set[int] = set()
        self._rung: list[int] = []
        self._look = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._tasks.keep(self._watch())
        self._filling = self._tasks.keep(self._fill())
        self._look.set()

    def ring(self, shard_id: int | None) -> None:
        """Look for work now, at this shard first."""
        if shard_id is not None and len(self._rung) < self._slots:
            self._rung.append(shard_id)
        self._look.set()

    def ring_export(self, export_id: int) -> None:
        """Make an export's files, unless that is under way here."""
        if export_id in self._exports or self._stopping:
            return
        self._exports.add(export_id)
        self._tasks.spawn(self._export(export_id))

    async def stop(self, patience_s: float) -> None:
        """Claim nothing more and stop every run; a claim under way is begun, so that it is given back."""
        self._stopping = True
        for run in list(self._runs.values()):
            self._caller.stop_run(run)
        self._look.set()
        if self._filling is not None:
            await asyncio.wait({self._filling}, timeout=patience_s)

    async def wait_given_back(self) -> None:
        """Return once every run has let go of its shard."""
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _fill(self) -> None:
        """Claim shards while the pullers could go hungry: on a ring, when a shard ends, and every now and then."""
        while not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._look.wait()
            self._look.clear()
            try:
                while self._wants_more() and await self._claim():
                    pass
                if not self._exports:
                    await self._look_for_export()
            except Exception:
                log.exception("claim_failed")
                await asyncio.sleep(1.0)

    async def _look_for_export(self) -> None:
        """Take up an export that nobody was heard ringing for."""
        async with self._sessions.begin() as session:
            due = await list_due_exports(session, _LOOK_S, 1)
        for export_id, _ in due:
            self.ring_export(export_id)

    def _wants_more(self) -> bool:
        demand = sum(run.demand for run in self._runs.values())
        return not self._stopping and demand < self._slots + self._slots // 4 + 1

    async def _claim(self) -> bool:
        shard_id = self._rung.pop(0) if self._rung else None
        lease_s = self._resources.settings.lease_s
        asked_at = monotonic_s()
        claim = await claim_work(self._sessions, self._worker_id, lease_s, shard_id=shard_id, skip=self._bucket % 4)
        if claim is None:
            return bool(self._rung) or shard_id is not None
        self._begin(claim, asked_at)
        await asyncio.sleep(0)
        return True

    def _begin(self, claim: Claim, asked_at: float) -> None:
        run = ShardRun(self._desk, claim, asked_at)
        self._runs[claim.lease.shard_id] = run
        if self._stopping:
            run.stop()
        task = self._tasks.spawn(self._work(run))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self, run: ShardRun) -> None:
        shard_id = run.claim.lease.shard_id
        try:
            await run.work()
        except Exception:
            log.exception("run_failed", extra={"shard": shard_id, "job": run.job.job_id})
            self._caller.stop_run(run)
            await run.wait_settled()
            await self._give_back(run)
        finally:
            if self._runs.get(shard_id) is run:
                del self._runs[shard_id]
            self._look.set()

    async def _give_back(self, run: ShardRun) -> None:
        """After a failure, not at once; where that fails too, the lease runs out."""
        try:
            await run.give_back(_FAILED_RUN_S)
        except Exception as error:
            log.warning("give_back_failed", extra={"error": type(error).__name__})

    async def _watch(self) -> None:
        """Keep the leases, and stop runs whose lease or job is no longer ours to work on."""
        lease_s = self._resources.settings.lease_s
        while True:
            await asyncio.sleep(min(_WATCH_S, lease_s / 8))
            runs, now = list(self._runs.values()), monotonic_s()
            due = [run for run in runs if now - run.kept_at >= lease_s / 4]
            job_ids = {run.job.job_id for run in runs}
            try:
                kept, running = await self._keep(due, job_ids)
            except Exception as error:
                log.warning("watch_failed", extra={"error": type(error).__name__})
                due, kept, running = [], set(), job_ids
            for run in due:
                if run.claim.lease.shard_id in kept:
                    run.kept_at = now
            for run in runs:
                is_lost = run in due and run.claim.lease.shard_id not in kept
                if run.job.job_id not in running or is_lost or not run.is_fresh:
                    self._caller.stop_run(run)

    async def _keep(self, due: list[ShardRun], job_ids: set[int]) -> tuple[set[int], set[int]]:
        """(shards whose lease was prolonged, jobs that run)."""
        if not job_ids:
            return set(), set()
        async with self._sessions.begin() as session:
            leases = [(run.claim.lease.shard_id, run.claim.lease.fence) for run in due]
            lease_s = self._resources.settings.lease_s
            kept = await keep_leases(session, leases, self._worker_id, lease_s) if leases else set()
            return kept, await list_running_jobs(session, sorted(job_ids))

    async def _export(self, export_id: int) -> None:
        try:
            await work_export(self._resources, export_id, self._worker_id)
        except Exception:
            log.exception("export_failed", extra={"export": export_id})
        finally:
            self._exports.discard(export_id)
