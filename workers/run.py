"""A shard in hand: its units of work are found, fed to the engine and waited for, stage by stage."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.clock import monotonic_s
from app.pipeline.relating import SCOPES, relate
from app.pipeline.scripts import LanguageDetector
from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair, Stage
from app.services.answers import (
    ItemUnit,
    PaidCall,
    PairUnit,
    poison_unit,
    read_item_answer,
)
from app.services.claims import Claim, JobContext
from app.services.fleet import pause_if_poisoned
from app.services.further import carry_on, end_failed
from app.services.pair_answers import read_pair_answer
from app.services.targets import sort_items
from app.store.outcomes import Outcome
from app.store.quotas import record_exactly
from app.store.relations import list_related_pairs, set_relations
from app.store.resets import forget_translations
from app.store.session import Sessions
from app.store.shards import advance_shard, leave_shard
from app.store.units import (
    StoredAnswer,
    count_handling,
    list_answered_calls,
    list_pending_items,
    list_pending_pairs,
    read_answers,
)
from workers.comparing import compare_job
from workers.gates import POISON_LOSSES, Suspects, first_of
from workers.rereading import reread_shard

log = logging.getLogger("syphus.run")

POISON_HANDLINGS = 3
_ANSWERS_AT_ONCE = 32
_OWN_SHARE = 0.8  # of a lease: after that nothing is begun, whatever the clock of PostgreSQL says


@dataclass(slots=True, eq=False)
class Ask:
    """A unit on its way to the model: how often it was tried, how many replies about it were read.

    attempts: tries, those of an outage aside, that make the next wait longer
    strikes: failures that count against the unit, the last at `struck_s`; unproven: those since then that do not
    is_doubted: whether the unit may be what fails; is_witnessed: whether a witness was heard since its last try
    """

    run: "ShardRun"
    stage: str
    unit: ItemUnit | PairUnit
    attempts: int = 0
    rounds: int = 0
    strikes: int = 0
    struck_s: float = field(default_factory=monotonic_s)
    unproven: int = 0
    is_doubted: bool = False
    is_witnessed: bool = False
    gates: list[asyncio.Semaphore] = field(default_factory=list)


class Desk:
    """What the runs of a worker share: where they write, whom they hand units to, and the gates between them."""

    def __init__(
        self,
        sessions: Sessions,
        worker_id: str,
        bucket: int,
        submit: Callable[[Ask], None],
        detector: Callable[[Sequence[str]], Awaitable[LanguageDetector]],
        relate_whole: Callable[["ShardRun"], Awaitable[bool]],
        lease_s: float,
    ) -> None:
        self.sessions = sessions
        self.worker_id = worker_id
        self.bucket = bucket
        self.submit = submit
        self.detector = detector
        self.relate_whole = relate_whole
        self.lease_s = lease_s
        self.suspects = Suspects()
        self.relating = asyncio.Lock()


class ShardRun:
    """One claim, from its stage to `done`, or until it is stopped.

    kept_at: when the claim, or the last request that prolonged its lease, was sent, in monotonic seconds
    """

    def __init__(self, desk: Desk, claim: Claim, kept_at: float) -> None:
        self.claim = claim
        self.kept_at = kept_at
        self.job: JobContext = claim.job
        self.stopping = asyncio.Event()
        self._desk = desk
        self._open = 0
        self._unfed = len(claim.lease.positions)
        self._stage = claim.lease.stage
        self._settled = asyncio.Event()
        self._gate = asyncio.Semaphore(claim.job.calls_per_shard) if claim.job.calls_per_shard else None

    @property
    def is_alive(self) -> bool:
        """Whether new calls may start."""
        return not self.stopping.is_set()

    @property
    def is_fresh(self) -> bool:
        """Whether the lease is ours for certain, even after a moment in which this process stood still."""
        return monotonic_s() - self.kept_at < _OWN_SHARE * self._desk.lease_s

    @property
    def demand(self) -> int:
        """Units that wait for the model or are with it; before they are known, the items of the shard."""
        return self._open + self._unfed

    def stop(self) -> None:
        """Start nothing more; calls that are under way are still recorded."""
        self.stopping.set()

    async def work(self) -> None:
        """Take the shard as far as it goes, then give it back."""
        lease, owner = self.claim.lease, self._desk.worker_id
        if lease.is_comparison:
            await self._compare()
            return
        if lease.reset and not lease.is_whole and not await self._take_back():
            await self.give_back()
            return
        while await self._work_stage(self._stage):
            later = (
                []
                if lease.is_whole
                else [name for name in Stage if name in self.job.stages and _order(name) > _order(self._stage)]
            )
            async with self._desk.sessions.begin() as session:
                if not later:
                    await leave_shard(session, lease, owner, state="done", stage=self._stage)
                    return
                if not await advance_shard(session, lease, owner, later[0]):
                    return
            self._stage = later[0]
        await self.give_back()

    async def _take_back(self) -> bool:
        """Do what a rerun begins with; False where that did not come to its end."""
        lease, desk = self.claim.lease, self._desk
        if lease.stage == Stage.GENERATE:
            return await reread_shard(desk.sessions, self.claim, desk.worker_id, desk.bucket, self._is_going)
        async with desk.sessions.begin() as session:
            await forget_translations(session, lease, self.job.dataset_id, desk.bucket)
        return True

    async def _compare(self) -> None:
        """Compare all pairs of the job; the shard is done then, or given back."""
        lease, desk = self.claim.lease, self._desk
        if not await compare_job(desk.sessions, self.claim, desk.worker_id, self._is_going):
            await self.give_back()
            return
        async with desk.sessions.begin() as session:
            await leave_shard(session, lease, desk.worker_id, state="done", stage=self._stage)

    def _is_going(self) -> bool:
        return self.is_alive

    async def give_back(self, delay_s: float = 0.0) -> None:
        """Let go of the lease, so that the shard can be claimed again from the stage it is in."""
        async with self._desk.sessions.begin() as session:
            lease, owner = self.claim.lease, self._desk.worker_id
            await leave_shard(session, lease, owner, state="ready", stage=self._stage, delay_s=delay_s)

    def settle(self, ask: Ask) -> None:
        """The unit has an outcome, or was dropped because the run stops."""
        for gate in ask.gates:
            gate.release()
        ask.gates.clear()
        self._open -= 1
        if self._open == 0:
            self._settled.set()

    async def _work_stage(self, stage: str) -> bool:
        """Whether every unit of the stage has an outcome."""
        if not self.is_alive:
            return False
        if stage == Stage.RELATE:
            return await self._relate()
        find = self._find_items if stage == Stage.GENERATE else self._find_pairs
        asks = await find()
        for number, ask in enumerate(asks, start=1):
            if not await self._feed(ask):
                break
            self._unfed = len(asks) - number
        self._unfed = 0
        await self.wait_settled()
        return not (self.stopping.is_set() or await find())

    async def wait_settled(self) -> None:
        """Return once no unit is with the engine."""
        while self._open:
            self._settled.clear()
            await self._settled.wait()

    async def _feed(self, ask: Ask) -> bool:
        """Hand a unit to the engine, within the job's bound and one by one where it lost workers before."""
        for gate in (self._gate, self._desk.suspects.gate_of(ask.unit.losses)):
            if gate is None:
                continue
            if not await self._acquire(gate):
                for taken in ask.gates:
                    taken.release()
                return False
            ask.gates.append(gate)
        if not self.is_alive:
            for taken in ask.gates:
                taken.release()
            return False
        self._open += 1
        self._desk.submit(ask)
        return True

    async def _acquire(self, gate: asyncio.Semaphore) -> bool:
        """Take a place at the gate; False where the run stopped first."""
        if not gate.locked():
            await gate.acquire()
            return True
        return await first_of(gate.acquire, self.stopping, gate.release)

    async def _find_items(self) -> list[Ask]:
        """Items to ask about; those with a stored answer are recorded from it, poisoned ones are set aside."""
        job = self.job
        async with self._desk.sessions() as session:
            pending = await list_pending_items(
                session, job.job_id, job.dataset_id, self.claim.lease.positions, with_images=job.vision is not None
            )
        units: dict[tuple[int, int], ItemUnit | PairUnit] = {
            (p.item_id, 0): ItemUnit(p.item_id, p.sentences, p.losses, image_ids=p.image_ids) for p in pending
        }

        def read(unit: ItemUnit | PairUnit, answer: StoredAnswer, rounds: int) -> tuple[Outcome, bool]:
            assert isinstance(unit, ItemUnit)  # noqa: S101  # narrows the type
            call = _call_of(answer)
            outcome = read_item_answer(job, unit, call, answer.raw, rounds=0)
            units[unit.item_id, unit.sample] = carry_on(unit, outcome, call)
            return outcome, outcome.verdict is not None

        left = await self._read_stored(Stage.GENERATE, units, read)
        items = [(unit, rounds) for unit, rounds in left if isinstance(unit, ItemUnit)]
        asked, ended = await sort_items(self._desk.sessions, job, items)
        await self._record(ended)
        return [Ask(self, Stage.GENERATE, unit, rounds=rounds) for unit, rounds in asked]

    async def _find_pairs(self) -> list[Ask]:
        """Pairs to translate into the languages they lack; stored answers are read first."""
        job, detector = self.job, await self._desk.detector(self.job.languages)
        async with self._desk.sessions() as session:
            pending = await list_pending_pairs(session, job.job_id, job.dataset_id, self.claim.lease.positions)
        units: dict[tuple[int, int], ItemUnit | PairUnit] = {}
        for p in pending:
            pair = Pair(p.instruction, p.response, p.conversation)
            missing = tuple(language for language in job.languages if language not in p.present)
            units[p.item_id, p.ordinal] = PairUnit(
                p.item_id, p.ordinal, p.pair_id, pair, source_fingerprint(pair), missing, p.losses
            )

        def read(unit: ItemUnit | PairUnit, answer: StoredAnswer, rounds: int) -> tuple[Outcome, bool]:
            assert isinstance(unit, PairUnit)  # noqa: S101  # narrows the type
            outcome, left = read_pair_answer(job, unit, _call_of(answer), answer.raw, rounds, detector)
            if left is not None:
                units[unit.item_id, unit.sample] = left
            return outcome, outcome.verdict is not None

        complete = [unit for unit in units.values() if not unit.languages]
        await self._record([_translated(job, unit) for unit in complete])
        for unit in complete:
            del units[unit.item_id, unit.sample]
        left = await self._read_stored(Stage.TRANSLATE, units, read)
        return [Ask(self, Stage.TRANSLATE, unit, rounds=rounds) for unit, rounds in left]

    async def _read_stored(
        self,
        stage: str,
        units: dict[tuple[int, int], ItemUnit | PairUnit],
        read: Callable[[ItemUnit | PairUnit, StoredAnswer, int], tuple[Outcome, bool]],
    ) -> list[tuple[ItemUnit | PairUnit, int]]:
        """Record what stored answers give; answers the units left to ask for, with the replies read about each."""
        rounds: dict[tuple[int, int], int] = dict.fromkeys(units, 0)
        async with self._desk.sessions() as session:
            call_ids = await list_answered_calls(session, self.job.job_id, stage, list(units))
        for start in range(0, len(call_ids), _ANSWERS_AT_ONCE):
            await self._read_batch(stage, call_ids[start : start + _ANSWERS_AT_ONCE], units, rounds, read)
        poisoned = [key for key, unit in units.items() if unit.losses >= POISON_LOSSES]
        detail = f"{POISON_LOSSES} calls were lost with their worker"
        await self._set_aside([self._poison(stage, units.pop(key), detail) for key in poisoned])
        return [(unit, rounds[key]) for key, unit in units.items()]

    async def _read_batch(
        self,
        stage: str,
        call_ids: list[int],
        units: dict[tuple[int, int], ItemUnit | PairUnit],
        rounds: dict[tuple[int, int], int],
        read: Callable[[ItemUnit | PairUnit, StoredAnswer, int], tuple[Outcome, bool]],
    ) -> None:
        async with self._desk.sessions.begin() as session:
            answers = await read_answers(session, call_ids)
            await count_handling(session, [answer.call_id for answer in answers if answer.state == "stored"])
        outcomes, poisoned = [], []
        for answer in answers:
            key = (answer.item_id, answer.sample)
            unit = units.get(key)
            if unit is None or answer.fingerprint != unit.fingerprint:
                continue
            if answer.state == "stored" and answer.handlings >= POISON_HANDLINGS:
                detail = f"reading the reply ended {POISON_HANDLINGS} workers"
                poisoned.append(self._poison(stage, units.pop(key), detail))
                continue
            rounds[key] += answer.handlings > 0 and not (isinstance(unit, PairUnit) and unit.drafts)
            outcome, ended = read(unit, answer, rounds[key])
            outcomes.append(outcome)
            if ended:
                del units[key]
        await self._record(outcomes)
        await self._set_aside(poisoned)

    def _poison(self, stage: str, unit: ItemUnit | PairUnit, detail: str) -> Outcome:
        outcome = poison_unit(self.job, stage, unit, detail)
        return end_failed(self.job, unit, outcome) if isinstance(unit, ItemUnit) else outcome

    async def _set_aside(self, poisoned: list[Outcome]) -> None:
        if poisoned:
            await self._record(poisoned)
            await pause_if_poisoned(self._desk.sessions, self.job.job_id)

    async def _record(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            async with self._desk.sessions.begin() as session:
                await record_exactly(session, outcomes, self._desk.bucket)

    async def _relate(self) -> bool:
        """Relate what this shard can: pairs that must know all others are left to the shard of the whole job."""
        if self.claim.lease.is_whole:
            return await self._desk.relate_whole(self)
        job, rule = self.job, self.job.relation_rule
        if SCOPES[rule] == "job":
            return True
        async with self._desk.relating, self._desk.sessions.begin() as session:
            rows = await list_related_pairs(session, job.job_id, job.dataset_id, self.claim.lease.positions, rule)
            related = relate(rule, rows)
            if related:
                await set_relations(session, job.job_id, rule, related)
        return True


def _order(stage: str) -> int:
    return list(Stage).index(Stage(stage))


def _call_of(answer: StoredAnswer) -> PaidCall:
    """An answer found stored is recovered; one that was accounted for before keeps its state."""
    state = "recovered" if answer.state == "stored" else None
    keeps_rejections = not answer.has_rejections
    return PaidCall(answer.call_id, state, answer.languages, keeps_rejections, answer.most_pairs)


def _translated(job: JobContext, unit: ItemUnit | PairUnit) -> Outcome:
    """The outcome of a pair that has every language already."""
    return Outcome(job.job_id, Stage.TRANSLATE, unit.item_id, unit.sample, "done")
