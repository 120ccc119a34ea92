"""A shard in hand: its units of work are found, fed to the engine and waited for, stage by stage."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.clock import monotonic_s
from app.pipeline.relating import SCOPES, relate
from app.pipeline.scripts import LanguageDetector
from app.pipeline.values import Stage
from app.services.answers import ItemUnit, PairUnit
from app.services.claims import Claim, JobContext
from app.store.relations import list_related_pairs, set_relations
from app.store.resets import forget_translations
from app.store.session import Sessions
from app.store.shards import advance_shard, leave_shard
from workers.comparing import compare_job
from workers.finding import Finder
from workers.gates import Suspects, first_of
from workers.rereading import reread_shard

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
        self._finder = Finder(desk.sessions, desk.bucket, desk.detector, claim)
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
        find = self._finder.find_items if stage == Stage.GENERATE else self._finder.find_pairs
        asks = [Ask(self, stage, unit, rounds=rounds) for unit, rounds in await find()]
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
