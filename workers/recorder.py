"""The recorder: it stores raw answers first, reads them second and records what they led to, in batches.

A call's slot in `room` is taken before its request is sent and given back once its answer is durable, so there is
always a place for an answer that was paid for. While PostgreSQL is away answers are on disk in the spool.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from app.store.calls import RawAnswer, store_answers
from app.store.outages import is_outage
from app.store.outcomes import Outcome
from app.store.quotas import record_exactly
from app.store.session import Sessions
from workers.spool import Spool

log = logging.getLogger("syphus.recorder")

MOST_A_BATCH = 256
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """A call that ended: its answer (None for one that failed), how to read it, and whom to tell.

    read: gives the outcome; called once the raw answer is stored
    settle: called with the outcome once that is recorded
    """

    answer: RawAnswer | None
    read: Callable[[], Outcome]
    settle: Callable[[Outcome], None]


class Recorder:
    """One per worker process."""

    def __init__(self, sessions: Sessions, spool: Spool, bucket: int, room: int) -> None:
        self._sessions = sessions
        self._spool = spool
        self._bucket = bucket
        self._waiting: list[Held] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.room = asyncio.Semaphore(room)

    def put(self, held: Held) -> None:
        """Take charge of an ended call; its room is given back when it is recorded."""
        self._waiting.append(held)
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:MOST_A_BATCH]
                del self._waiting[:MOST_A_BATCH]
                await self._record(batch)
            self._idle.set()

    async def flush(self) -> None:
        """Return once nothing waits."""
        await self._idle.wait()

    async def replay(self) -> int:
        """Store the answers that dead workers left in their spools; answers how many."""
        count = 0
        for path, answers in self._spool.take_over():
            if answers:
                async with self._sessions.begin() as session:
                    await store_answers(session, answers)
            path.unlink(missing_ok=True)
            count += len(answers)
        return count

    async def _record(self, batch: Sequence[Held]) -> None:
        answers = [held.answer for held in batch if held.answer is not None]
        if answers:
            await self._store(answers)
        outcomes = [held.read() for held in batch]
        await self._commit(outcomes)
        for held, outcome in zip(batch, outcomes, strict=True):
            self.room.release()
            held.settle(outcome)

    async def _store(self, answers: list[RawAnswer]) -> None:
        """Make raw answers durable: in PostgreSQL, or on disk until PostgreSQL is back."""
        wait_s, spooled = _FIRST_WAIT_S, False
        while True:
            try:
                async with self._sessions.begin() as session:
                    await store_answers(session, answers)
                break
            except Exception as error:
                if not _may_pass(error):
                    raise
                log.warning("store_failed", extra={"answers": len(answers), "error": type(error).__name__})
            spooled = spooled or self._write_spool(answers)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        if spooled:
            self._spool.clear()

    def _write_spool(self, answers: list[RawAnswer]) -> bool:
        """Whether the answers are on disk; where the disk is full they stay in memory and are tried again."""
        try:
            self._spool.write(answers)
        except OSError as error:
            log.error("spool_failed", extra={"answers": len(answers), "error": str(error)})
            return False
        return True

    async def _commit(self, outcomes: Sequence[Outcome]) -> None:
        """Record outcomes, waiting for PostgreSQL as long as it takes; one that cannot be stored fails alone."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with self._sessions.begin() as session:
                    await record_exactly(session, outcomes, self._bucket)
                return
            except Exception as error:
                if _may_pass(error):
                    log.warning("record_failed", extra={"outcomes": len(outcomes), "error": type(error).__name__})
                elif len(outcomes) > 1:
                    for outcome in outcomes:
                        await self._commit([outcome])
                    return
                elif outcomes[0].code == "unrecordable" or not isinstance(error, DBAPIError):
                    raise
                else:
                    log.exception("outcome_unrecordable", extra={"call_id": outcomes[0].call_id})
                    outcomes = [_as_unrecordable(outcomes[0], error)]
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def _may_pass(error: Exception) -> bool:
    """Outages, deadlocks, serialisation failures, full disks: the same statement may succeed later."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return is_outage(error) or code[:2] in {"40", "53", "57"}


def _as_unrecordable(outcome: Outcome, error: DBAPIError) -> Outcome:
    return Outcome(
        job_id=outcome.job_id,
        stage=outcome.stage,
        item_id=outcome.item_id,
        sample=outcome.sample,
        verdict="failed",
        call_id=outcome.call_id,
        call_state=outcome.call_state,
        code="unrecordable",
        detail=type(error.orig).__name__,
        usage=outcome.usage,
        cost_micros=outcome.cost_micros,
        has_budget=outcome.has_budget,
    )
