"""Intents: the ledger line and the money that must stand before a request may be sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Stage
from app.services.claims import JobContext
from app.services.targets import read_room
from app.services.units import Unit
from app.store.calls import Intent, has_open_calls, intend_calls, reserve_budget
from app.store.shards import Lease


class Refusal(Enum):
    """Why a call may not start.

    FENCED: the lease is gone or the job does not run; BUDGET_HELD: what is left is reserved for calls under way;
    BUDGET_SPENT: what is left does not hold the call's worst case, and nothing is under way that could free some.
    TARGET_HELD: the calls under way may bring all pairs that the job still lacks; TARGET_MET: it lacks none.
    """

    FENCED = auto()
    BUDGET_HELD = auto()
    BUDGET_SPENT = auto()
    TARGET_HELD = auto()
    TARGET_MET = auto()


@dataclass(frozen=True, slots=True)
class NewIntent:
    """A call that a puller wants to make; `reserved_micros` is the most it can cost."""

    lease: Lease
    job: JobContext
    stage: str
    unit: Unit
    reserved_micros: int


async def open_calls(session: AsyncSession, wanted: Sequence[NewIntent], worker: str) -> list[int | Refusal]:
    """Reserve money and write intents in one transaction; a call id or a refusal for each, in order."""
    refused = await _ration(session, wanted)
    refused |= await _reserve(session, wanted, refused)
    allowed = [index for index in range(len(wanted)) if index not in refused]
    call_ids = await intend_calls(session, [_intent(wanted[index]) for index in allowed], worker)
    given_back: dict[int, int] = defaultdict(int)
    for index, call_id in zip(allowed, call_ids, strict=True):
        if call_id is None and wanted[index].job.has_budget:
            given_back[wanted[index].job.job_id] += wanted[index].reserved_micros
    for job_id, micros in sorted(given_back.items()):
        await reserve_budget(session, job_id, -micros)
    opened: dict[int, int | Refusal] = dict(refused)
    opened |= {
        index: Refusal.FENCED if call_id is None else call_id for index, call_id in zip(allowed, call_ids, strict=True)
    }
    return [opened[index] for index in range(len(wanted))]


async def _ration(session: AsyncSession, wanted: Sequence[NewIntent]) -> dict[int, Refusal]:
    """Refusals by index: calls for pairs that the target of their job does not lack, or that others may bring."""
    by_job: dict[int, list[int]] = defaultdict(list)
    for index, intent in enumerate(wanted):
        if intent.job.target_pairs is not None and intent.stage == Stage.GENERATE:
            by_job[intent.job.job_id].append(index)
    if not by_job:
        return {}
    limited = [wanted[indexes[0]].job for indexes in by_job.values()]
    rooms = await read_room(session, limited, [intent.job for intent in wanted if intent.job.has_budget])
    refused: dict[int, Refusal] = {}
    for job_id, indexes in by_job.items():
        room = rooms[job_id]
        refusal = Refusal.TARGET_MET if room is None else Refusal.TARGET_HELD
        refused |= dict.fromkeys(indexes[room or 0 :], refusal)
    return refused


async def _reserve(
    session: AsyncSession, wanted: Sequence[NewIntent], refused_before: Mapping[int, Refusal]
) -> dict[int, Refusal]:
    """Refusals by index: those whose worst case the budget of their job does not hold."""
    by_job: dict[int, list[int]] = defaultdict(list)
    for index, intent in enumerate(wanted):
        if intent.job.has_budget and index not in refused_before:
            by_job[intent.job.job_id].append(index)
    refused: dict[int, Refusal] = {}
    for job_id, indexes in sorted(by_job.items()):
        if not await reserve_budget(session, job_id, sum(wanted[index].reserved_micros for index in indexes)):
            refused |= await _reserve_one_by_one(session, job_id, indexes, wanted)
    return refused


async def _reserve_one_by_one(
    session: AsyncSession, job_id: int, indexes: Sequence[int], wanted: Sequence[NewIntent]
) -> dict[int, Refusal]:
    left = [index for index in indexes if not await reserve_budget(session, job_id, wanted[index].reserved_micros)]
    if not left:
        return {}
    under_way = len(left) < len(indexes) or await has_open_calls(session, job_id)
    return dict.fromkeys(left, Refusal.BUDGET_HELD if under_way else Refusal.BUDGET_SPENT)


def _intent(new: NewIntent) -> Intent:
    return Intent(
        job_id=new.job.job_id,
        shard_id=new.lease.shard_id,
        fence=new.lease.fence,
        stage=new.stage,
        item_id=new.unit.item_id,
        sample=new.unit.sample,
        languages=new.unit.languages,
        fingerprint=new.unit.fingerprint,
        reserved_micros=new.reserved_micros,
    )
