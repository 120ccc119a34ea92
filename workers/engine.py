"""The engine of a worker process: a fixed number of pullers ask the model for what the shards in hand need.

The four beats of a unit: intend (a short transaction), ask (none), store the raw answer and record its outcome (two
short transactions, in batches). Nothing here is a child of an arq task, so losing Redis loses no call.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from app.pipeline.chat import ChatModel, CompletionError
from app.pipeline.language import LinguaDetector
from app.pipeline.scripts import LanguageDetector
from app.resources import Resources
from app.services.answers import RETRIES, ItemUnit, PaidCall, PairUnit, fail_call, read_item_answer, read_pair_answer
from app.services.claims import Claim, claim_work
from app.services.exports import work_export
from app.services.fleet import note_outage, pause_job
from app.services.intents import NewIntent, Refusal, open_calls
from app.store.calls import RawAnswer
from app.store.exports import list_due_exports
from app.store.jobs import list_running_jobs
from app.store.outcomes import Outcome
from app.store.session import Sessions
from app.store.shards import keep_leases
from workers.asking import Requests
from workers.batching import GroupCommit
from workers.pacing import Paces
from workers.recorder import Held, Recorder
from workers.run import Ask, ShardRun, first_of
from workers.spool import Spool

log = logging.getLogger("syphus.engine")

_MOST_INTENTS = 256
_WATCH_S = 0.5
_LOOK_S = 2.0
_BUDGET_WAIT_S = 0.5
_FAILED_RUN_S = 5.0
_REFUSED_AT_THE_DOOR = frozenset({"unauthorized", "not_found"})
_RETRY_FIRST_S, _RETRY_LONGEST_S = 0.25, 30.0


class ShardEngine:
    """Claims shards while it has room, works them, keeps their leases; one per process."""

    def __init__(self, resources: Resources, chat: ChatModel, paces: Paces, worker_id: str, bucket: int) -> None:
        settings = resources.settings
        self.resources = resources
        self.sessions: Sessions = resources.sessions
        self.worker_id = worker_id
        self.bucket = bucket
        self.suspects = (asyncio.Semaphore(4), asyncio.Semaphore(1))
        self.relating = asyncio.Lock()
        self._slots = settings.concurrency
        self._chat = chat
        self._paces = paces
        self._requests = Requests(settings.call_timeout_s)
        self._ready: asyncio.Queue[Ask] = asyncio.Queue()
        self._sleeping: dict[Ask, asyncio.TimerHandle] = {}
        self._runs: dict[int, ShardRun] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._working: set[asyncio.Task[Any]] = set()
        self._pullers: dict[asyncio.Task[Any], bool] = {}
        self._intents: GroupCommit[NewIntent, int | Refusal] = GroupCommit(self._open_calls, _MOST_INTENTS)
        spool = Spool(settings.home / "spool", worker_id)
        self._recorder = Recorder(self.sessions, spool, bucket, 2 * self._slots)
        self._spool = spool
        self._look = asyncio.Event()
        self._rung: list[int] = []
        self._exports: set[int] = set()
        self._detector: LanguageDetector | None = None
        self._draining = False
        self._filling: asyncio.Task[None] | None = None
        self._failing: set[int] = set()

    async def start(self) -> None:
        """Begin to work; answers that dead workers left on this disk are stored first."""
        replayed = await self._recorder.replay()
        if replayed:
            log.info("spool_replayed", extra={"answers": replayed})
        for loop in (self._intents.run(), self._recorder.run(), self._watch()):
            self._spawn(loop)
        self._filling = self._spawn(self._fill())
        for _ in range(self._slots):
            task = asyncio.create_task(self._pull())
            self._pullers[task] = True
        self._look.set()

    def ring(self, shard_id: int | None = None) -> None:
        """Look for work now, at this shard first."""
        if shard_id is not None and len(self._rung) < self._slots:
            self._rung.append(shard_id)
        self._look.set()

    def ring_export(self, export_id: int) -> None:
        """Make an export's files, unless that is under way here."""
        if export_id in self._exports or self._draining:
            return
        self._exports.add(export_id)
        self._spawn(self._export(export_id))

    def submit(self, ask: Ask) -> None:
        """Queue a unit for the pullers."""
        self._ready.put_nowait(ask)

    async def detector(self) -> LanguageDetector:
        """The language detector, loaded once, off the loop."""
        if self._detector is None:
            self._detector = await asyncio.to_thread(LinguaDetector)
        return self._detector

    async def drain(self, patience_s: float) -> None:
        """Stop in order: start nothing, wait for calls under way, record them, give the shards back."""
        self._draining = True
        for run in list(self._runs.values()):
            self._stop(run)
        self._look.set()
        if self._filling is not None:
            await asyncio.wait({self._filling}, timeout=patience_s)  # a claim under way is begun, to be given back
        waiting = [task for task, is_waiting in self._pullers.items() if is_waiting]
        for task in waiting:
            task.cancel()
        busy = [task for task in self._pullers if task not in waiting]
        if busy:
            _, late = await asyncio.wait(busy, timeout=patience_s)
            for task in late:
                task.cancel()
            log.info("drained", extra={"calls": len(busy), "abandoned": len(late)})
        await asyncio.gather(*self._pullers, return_exceptions=True)
        while not self._ready.empty():
            self._drop(self._ready.get_nowait())
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s + 5):
                await self._recorder.flush()
                await asyncio.gather(*self._working, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._spool.close()

    # Claiming

    async def _fill(self) -> None:
        """Claim shards while the pullers could go hungry: on a ring, when a shard ends, and every now and then."""
        while not self._draining:
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
        async with self.sessions.begin() as session:
            due = await list_due_exports(session, _LOOK_S, 1)
        for export_id, _ in due:
            self.ring_export(export_id)

    def _wants_more(self) -> bool:
        demand = sum(run.demand for run in self._runs.values())
        return not self._draining and demand < self._slots + self._slots // 4 + 1

    async def _claim(self) -> bool:
        shard_id = self._rung.pop(0) if self._rung else None
        lease_s = self.resources.settings.lease_s
        claim = await claim_work(self.sessions, self.worker_id, lease_s, shard_id=shard_id, skip=self.bucket % 4)
        if claim is None:
            return bool(self._rung) or shard_id is not None
        self._begin(claim)
        await asyncio.sleep(0)
        return True

    def _begin(self, claim: Claim) -> None:
        run = ShardRun(self, claim)
        self._runs[claim.lease.shard_id] = run
        if self._draining:
            run.stop()
        task = self._spawn(self._work(run))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self, run: ShardRun) -> None:
        shard_id = run.claim.lease.shard_id
        try:
            await run.work()
        except Exception:
            log.exception("run_failed", extra={"shard": shard_id, "job": run.job.job_id})
            self._stop(run)
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
        settings = self.resources.settings
        loop = asyncio.get_running_loop()
        kept_at: dict[tuple[int, int], float] = {}
        while True:
            await asyncio.sleep(min(_WATCH_S, settings.lease_s / 8))
            runs = dict(self._runs)
            leases = [(run.claim.lease.shard_id, run.claim.lease.fence) for run in runs.values()]
            now = loop.time()
            kept_at = {lease: kept_at.get(lease, now) for lease in leases}
            due = [lease for lease in leases if now - kept_at[lease] >= settings.lease_s / 4]
            try:
                kept, running = await self._keep(due, {run.job.job_id for run in runs.values()})
            except Exception as error:
                log.warning("watch_failed", extra={"error": type(error).__name__})
                kept, running = set(), {run.job.job_id for run in runs.values()}
                due = []
            for run in runs.values():
                lease = (run.claim.lease.shard_id, run.claim.lease.fence)
                if lease in due and lease[0] in kept:
                    kept_at[lease] = now
                is_lost = lease in due and lease[0] not in kept
                is_stale = loop.time() - kept_at[lease] > 0.8 * settings.lease_s
                if run.job.job_id not in running or is_lost or is_stale:
                    self._stop(run)

    async def _keep(self, due: list[tuple[int, int]], job_ids: set[int]) -> tuple[set[int], set[int]]:
        if not job_ids:
            return set(), set()
        async with self.sessions.begin() as session:
            kept = await keep_leases(session, due, self.worker_id, self.resources.settings.lease_s) if due else set()
            return kept, await list_running_jobs(session, sorted(job_ids))

    async def _export(self, export_id: int) -> None:
        try:
            await work_export(self.resources, export_id, self.worker_id)
        except Exception:
            log.exception("export_failed", extra={"export": export_id})
        finally:
            self._exports.discard(export_id)

    # Asking

    async def _pull(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # narrows the type
        while not self._draining:
            self._pullers[task] = True
            ask = await self._ready.get()
            try:
                admitted = await self._admit(ask)
            except asyncio.CancelledError:
                self._drop(ask)
                raise
            if not admitted:
                self._drop(ask)
                continue
            self._pullers[task] = False
            await self._ask(ask)

    async def _admit(self, ask: Ask) -> bool:
        """Wait for room for the answer and for the pacer's leave; False where the run stopped meanwhile."""
        room = self._recorder.room
        if room.locked():
            if not await first_of(room.acquire, ask.run.stopping, room.release):
                return False
        else:
            await room.acquire()
        try:
            if ask.run.is_alive and await self._paces.admit(ask.run.job.model, ask.run.stopping):
                return True
        except BaseException:
            room.release()
            raise
        room.release()
        return False

    async def _ask(self, ask: Ask) -> None:
        """Intend, ask, hand over to the recorder. The room is held on entry and leaves with the answer."""
        job, unit = ask.run.job, ask.unit
        try:
            body, reserve = self._requests.build(job, unit)
            opened = await self._intents.put(NewIntent(ask.run.claim.lease, job, ask.stage, unit, reserve))
        except Exception as error:
            log.warning("intent_failed", extra={"error": type(error).__name__})
            self._recorder.room.release()
            self._retry(ask, 1.0)
            return
        if isinstance(opened, Refusal):
            self._recorder.room.release()
            await self._refused(ask, opened)
            return
        ask.attempts += 1
        try:
            answer = await self._chat.complete(body, timeout_s=self._requests.timeout_s)
        except CompletionError as error:
            self._paces.note_error(job.model, error)
            self._failed(ask, opened, error)
            return
        except asyncio.CancelledError:
            self._recorder.room.release()
            self._drop(ask)
            raise
        self._paces.note_answer(job.model, answer)
        self._note_answering(job.job_id)
        raw = RawAnswer(opened, answer.raw, answer.status, answer.latency_ms)
        self._recorder.put(self._hold(ask, raw, len(body)))

    def _hold(self, ask: Ask, raw: RawAnswer, body_bytes: int) -> Held:
        """How the recorder reads an answer, and what is asked next once that is recorded."""
        job, unit = ask.run.job, ask.unit
        call = PaidCall(raw.call_id, "ok", unit.languages)
        left: list[PairUnit] = []

        def read() -> Outcome:
            if isinstance(unit, ItemUnit):
                outcome = read_item_answer(job, unit, call, raw.raw)
            else:
                assert self._detector is not None  # noqa: S101  # loaded before pairs are found
                outcome, rest = read_pair_answer(job, unit, call, raw.raw, ask.rounds + 1, self._detector)
                if rest is not None:
                    left.append(rest)
            self._requests.learn(body_bytes, outcome.usage)
            return self._limit(ask, outcome)

        def settle(outcome: Outcome) -> None:
            if outcome.verdict is not None:
                ask.run.settle(ask)
                return
            if left:
                ask.unit = left[0]
                ask.rounds += outcome.call_state == "ok"
            self._retry(ask, _delay_s(ask.attempts) if outcome.call_state == "failed" else 0.0)

        return Held(raw, read, settle)

    def _failed(self, ask: Ask, call_id: int, error: CompletionError) -> None:
        """Record a call without an answer; the unit is asked again unless the error is final."""
        job = ask.run.job
        if error.code == "schema_unsupported" and self._requests.drop_schema():
            log.info("schema_unsupported", extra={"job": job.job_id})
        if error.code == "schema_unsupported" or error.code in _REFUSED_AT_THE_DOOR:
            error.retryable = True  # it says nothing about this unit
        if error.outage:
            self._note_outage(job.job_id)
        call = PaidCall(call_id, "failed", ask.unit.languages)
        outcome = self._limit(ask, fail_call(job, ask.stage, ask.unit, call, error))
        wait_s = max(_delay_s(ask.attempts), min(error.retry_after_s or 0.0, 60.0))

        def settle(recorded: Outcome) -> None:
            if recorded.verdict is not None:
                ask.run.settle(ask)
            elif error.code in _REFUSED_AT_THE_DOOR:
                self._spawn(self._pause(ask, error))
            else:
                self._retry(ask, 0.0 if error.code == "schema_unsupported" else wait_s)

        self._recorder.put(Held(None, lambda: outcome, settle))

    def _limit(self, ask: Ask, outcome: Outcome) -> Outcome:
        """End a unit that keeps failing while others succeed; an outage of the endpoint ends nothing."""
        if outcome.verdict is None and outcome.call_state == "failed":
            if self._paces.is_out(ask.run.job.model) or outcome.code == "rate_limited":
                ask.attempts = max(0, ask.attempts - 1)
            elif ask.attempts >= RETRIES:
                return replace(outcome, verdict="failed")
        return outcome

    def _retry(self, ask: Ask, wait_s: float) -> None:
        if not ask.run.is_alive or self._draining:
            self._drop(ask)
        elif wait_s <= 0:
            self.submit(ask)
        else:
            self._sleeping[ask] = asyncio.get_running_loop().call_later(wait_s, self._resubmit, ask)

    def _resubmit(self, ask: Ask) -> None:
        del self._sleeping[ask]
        self.submit(ask)

    def _drop(self, ask: Ask) -> None:
        """Leave a unit pending: its run stops, and the shard goes back with it."""
        self._stop(ask.run)
        ask.run.settle(ask)

    def _stop(self, run: ShardRun) -> None:
        """Start nothing more for a run; units that sleep until their next try are let go at once."""
        run.stop()
        for ask in [ask for ask in self._sleeping if ask.run is run]:
            self._sleeping.pop(ask).cancel()
            run.settle(ask)

    async def _pause(self, ask: Ask, error: CompletionError) -> None:
        """A wrong key or model fails every call alike: the job waits for a person instead of failing item by item."""
        try:
            data = {"error": error.code, "detail": error.detail}
            await pause_job(self.sessions, ask.run.job.job_id, "provider_outage", data)
        finally:
            self._drop(ask)

    async def _refused(self, ask: Ask, refusal: Refusal) -> None:
        if refusal is Refusal.BUDGET_HELD:
            self._retry(ask, _BUDGET_WAIT_S)
            return
        if refusal is Refusal.BUDGET_SPENT:
            await pause_job(self.sessions, ask.run.job.job_id, "budget")
        self._drop(ask)

    async def _open_calls(self, intents: list[NewIntent]) -> list[int | Refusal]:
        async with self.sessions.begin() as session:
            return await open_calls(session, intents, self.worker_id)

    # Outages

    def _note_outage(self, job_id: int) -> None:
        if job_id not in self._failing:
            self._failing.add(job_id)
            self._spawn(self._stamp_outage(job_id, out=True))

    def _note_answering(self, job_id: int) -> None:
        if job_id in self._failing:
            self._failing.discard(job_id)
            self._spawn(self._stamp_outage(job_id, out=False))

    async def _stamp_outage(self, job_id: int, *, out: bool) -> None:
        try:
            await note_outage(self.sessions, [job_id], out=out)
        except Exception as error:
            log.warning("outage_stamp_failed", extra={"error": type(error).__name__})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _delay_s(attempts: int) -> float:
    return float(min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** max(0, attempts - 1)))
