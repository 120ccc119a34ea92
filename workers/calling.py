"""Calling: units go to the model, a fixed number of them at a time.

The four beats of a unit: intend (a short transaction), ask (none), then the recorder stores the raw answer and records
its outcome (two short transactions, in batches).
"""

import asyncio
import logging
from typing import Any

from app.cancelling import end_tasks
from app.clock import monotonic_s
from app.pipeline.chat import ChatModel, CompletionError
from app.pipeline.values import Stage
from app.resources import Resources
from app.services.answers import ItemUnit, PairUnit
from app.services.claims import JobContext
from app.services.fleet import pause_job
from app.services.intents import NewIntent, Refusal, open_calls
from app.services.showing import UnseenError, show_images
from app.services.units import Unit, WholeJob
from app.store.calls import RawAnswer
from workers.asking import Request, Requests
from workers.batching import GroupCommit
from workers.endings import Endings, Follow, end_surplus, end_unseen
from workers.gates import ALONE_FROM, Floor, first_of
from workers.outages import Outages
from workers.pacing import Paces
from workers.patience import Patience
from workers.recorder import Recorder
from workers.run import Ask, ShardRun
from workers.tasks import Tasks

log = logging.getLogger("syphus.calling")

_MOST_INTENTS = 256
_HELD_WAIT_S = 0.5


class Caller:
    """A puller per slot, the intents they share, and the units that sleep until their next try."""

    def __init__(
        self,
        resources: Resources,
        chat: ChatModel,
        paces: Paces,
        recorder: Recorder,
        tasks: Tasks,
        worker_id: str,
    ) -> None:
        self._resources = resources
        self._sessions = resources.sessions
        self._worker_id = worker_id
        self._slots = resources.settings.concurrency
        self._chat = chat
        self._paces = paces
        self._patience = Patience(paces, resources.settings.retry_s)
        self._recorder = recorder
        self._tasks = tasks
        self._floor = Floor()
        self._requests = Requests(resources.settings.call_timeout_s)
        self._ready: asyncio.Queue[Ask] = asyncio.Queue()
        self._sleeping: dict[Ask, asyncio.TimerHandle] = {}
        self._pullers: dict[asyncio.Task[Any], bool] = {}
        self._intents: GroupCommit[NewIntent, int | Refusal] = GroupCommit(self._open_calls, _MOST_INTENTS)
        self._outages = Outages(resources.sessions, tasks)
        follow = Follow(self._retry, self._drop, self._pause)
        self.endings = Endings(paces, self._requests, self._patience, self._outages, follow)
        self._held_until: dict[int, float] = {}
        self._stopping = False

    def start(self) -> None:
        self._tasks.keep(self._intents.run())
        for _ in range(self._slots):
            self._pullers[self._tasks.keep(self._pull())] = True

    def submit(self, ask: Ask) -> None:
        """Queue a unit for the pullers."""
        self._ready.put_nowait(ask)

    def stop_run(self, run: ShardRun) -> None:
        """Start nothing more for a run; units that sleep until their next try are let go at once."""
        run.stop()
        self._outages.forget(run.job.job_id)
        self._held_until.pop(run.job.job_id, None)
        for ask in [ask for ask in self._sleeping if ask.run is run]:
            self._sleeping.pop(ask).cancel()
            run.settle(ask)

    async def stop(self, patience_s: float) -> None:
        """Start no call, wait for those under way, and leave every other unit pending."""
        self._stopping = True
        waiting = [task for task, is_waiting in self._pullers.items() if is_waiting]
        for task in waiting:
            task.cancel()
        busy = [task for task in self._pullers if task not in waiting]
        if busy:
            _, late = await asyncio.wait(busy, timeout=patience_s)
            log.info("drained", extra={"calls": len(busy), "abandoned": len(late)})
        await end_tasks(*self._pullers)
        while not self._ready.empty():
            self._drop(self._ready.get_nowait())

    async def _pull(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # narrows the type
        while not self._stopping:
            self._pullers[task] = True
            ask = await self._ready.get()
            if self._is_held(ask):
                self._retry(ask, _HELD_WAIT_S)
                continue
            try:
                admitted = await self._admit(ask)
            except asyncio.CancelledError:
                self._drop(ask)
                raise
            if not admitted:
                self._drop(ask)
                continue
            self._pullers[task] = False
            losses = ask.unit.losses
            try:
                if losses >= ALONE_FROM:
                    await self._recorder.flush()  # what it may take along is safe first
                await self._ask(ask)
            finally:
                self._floor.leave(losses)

    def _is_held(self, ask: Ask) -> bool:
        """Whether the calls under way may bring all that the job lacks: asking just now would cost a permit in vain."""
        held_until = self._held_until.get(ask.run.job.job_id)
        return held_until is not None and ask.stage == Stage.GENERATE and monotonic_s() < held_until

    async def _admit(self, ask: Ask) -> bool:
        """Wait for room for the answer, the pacer's leave and a place; False where the run stopped meanwhile."""
        room, stopping = self._recorder.room, ask.run.stopping
        if room.locked():
            if not await first_of(room.acquire, stopping, room.release):
                return False
        else:
            await room.acquire()
        try:
            is_paced = ask.run.is_alive and await self._paces.admit(ask.run.job.model, stopping)
            if is_paced and await self._floor.admit(ask.unit.losses, stopping):
                return True
        except BaseException:
            room.release()
            raise
        room.release()
        return False

    async def _ask(self, ask: Ask) -> None:
        """Intend, ask, hand over to the recorder. The room is held on entry and leaves with the answer."""
        job, is_witness = ask.run.job, self._patience.wants_witness(ask)
        about: Unit = WholeJob() if is_witness else ask.unit
        try:
            request = self._requests.build_witness(job) if is_witness else await self._build(job, ask.unit)
            intent = NewIntent(ask.run.claim.lease, job, ask.stage, about, request.reserve_micros)
            opened = await self._intents.put(intent)
        except UnseenError as unseen:
            self._recorder.put(end_unseen(ask, unseen))
            return
        except Exception as error:
            log.warning("intent_failed", extra={"error": type(error).__name__})
            self._recorder.room.release()
            self._retry(ask, 1.0)
            return
        if isinstance(opened, Refusal):
            await self._refused(ask, opened)
            return
        if not ask.run.is_fresh:
            self._recorder.put(self.endings.forgo(ask, about, opened))
            return
        ask.attempts += 1
        try:
            answer = await self._chat.complete(request.body, timeout_s=self._requests.timeout_s)
        except CompletionError as error:
            self._recorder.put(self.endings.hold_failure(ask, about, opened, error))
            return
        except asyncio.CancelledError:
            self._recorder.room.release()
            self._drop(ask)
            raise
        self._paces.note_answer(job.model, answer)
        self._outages.note_answering(job.job_id)
        raw = RawAnswer(opened, answer.raw, answer.status, answer.latency_ms)
        hold = self.endings.hold_witness if is_witness else self.endings.hold_answer
        self._recorder.put(hold(ask, raw, request.text_bytes))

    async def _build(self, job: JobContext, unit: ItemUnit | PairUnit) -> Request:
        """The request about a unit, with the pictures that go with it; raises UnseenError."""
        if job.vision is None or isinstance(unit, PairUnit):
            return self._requests.build(job, unit)
        pictures = await show_images(self._resources, job.vision, job.dataset_id, unit.image_ids)
        return self._requests.build(job, unit, pictures)

    def _retry(self, ask: Ask, wait_s: float) -> None:
        if not ask.run.is_alive or self._stopping:
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
        self.stop_run(ask.run)
        ask.run.settle(ask)

    def _pause(self, ask: Ask, error: CompletionError) -> None:
        self._tasks.spawn(self._pause_job(ask, error))

    async def _pause_job(self, ask: Ask, error: CompletionError) -> None:
        """A wrong key or model fails every call alike: the job waits for a person instead of failing item by item."""
        try:
            data = {"error": error.code, "detail": error.detail}
            await pause_job(self._sessions, ask.run.job.job_id, "provider_outage", data)
        except Exception as failure:
            log.warning("pause_failed", extra={"error": type(failure).__name__})
        finally:
            self._drop(ask)

    async def _refused(self, ask: Ask, refusal: Refusal) -> None:
        if refusal is Refusal.TARGET_MET:
            self._recorder.put(end_surplus(ask))
            return
        if refusal is Refusal.BUDGET_SPENT:
            try:
                await pause_job(self._sessions, ask.run.job.job_id, "budget")
            except Exception as error:
                log.warning("pause_failed", extra={"error": type(error).__name__})
                refusal = Refusal.BUDGET_HELD  # it is refused, and paused, once more
        self._recorder.room.release()
        if refusal is Refusal.TARGET_HELD:
            self._held_until[ask.run.job.job_id] = monotonic_s() + _HELD_WAIT_S / 2
        if refusal in {Refusal.BUDGET_HELD, Refusal.TARGET_HELD}:
            self._retry(ask, _HELD_WAIT_S)
            return
        self._drop(ask)

    async def _open_calls(self, intents: list[NewIntent]) -> list[int | Refusal]:
        async with self._sessions.begin() as session:
            return await open_calls(session, intents, self._worker_id)
