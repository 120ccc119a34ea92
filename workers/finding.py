"""Finding: what of a shard is still to be asked, once every answer that is stored about it has been read."""

from collections.abc import Awaitable, Callable, Sequence

from app.pipeline.scripts import LanguageDetector
from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair, Stage
from app.services.answers import ItemUnit, PaidCall, PairUnit, poison_unit, read_item_answer
from app.services.claims import Claim, JobContext
from app.services.fleet import pause_if_poisoned
from app.services.further import carry_on, end_failed
from app.services.pair_answers import read_pair_answer
from app.services.targets import sort_items
from app.store.outcomes import Outcome
from app.store.quotas import record_exactly
from app.store.session import Sessions
from app.store.units import (
    StoredAnswer,
    count_handling,
    list_answered_calls,
    list_pending_items,
    list_pending_pairs,
    read_answers,
)
from workers.gates import POISON_LOSSES

POISON_HANDLINGS = 3
_ANSWERS_AT_ONCE = 32

Found = tuple[ItemUnit | PairUnit, int]
"""A unit to ask about, and how many replies about it were read."""


class Finder:
    """One per claim; it records what stored answers give, and sets aside what ends workers."""

    def __init__(
        self,
        sessions: Sessions,
        bucket: int,
        detect: Callable[[Sequence[str]], Awaitable[LanguageDetector]],
        claim: Claim,
    ) -> None:
        """detect: gives a detector of these languages."""
        self._sessions = sessions
        self._bucket = bucket
        self._detect = detect
        self._claim = claim
        self._job: JobContext = claim.job

    async def find_items(self) -> list[Found]:
        """Items to ask about; those with a stored answer are recorded from it, poisoned ones are set aside."""
        job = self._job
        async with self._sessions() as session:
            pending = await list_pending_items(
                session, job.job_id, job.dataset_id, self._claim.lease.positions, with_images=job.vision is not None
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
        asked, ended = await sort_items(self._sessions, job, items)
        await self._record(ended)
        return [*asked]

    async def find_pairs(self) -> list[Found]:
        """Pairs to translate into the languages they lack; stored answers are read first."""
        job, detector = self._job, await self._detect(self._job.languages)
        async with self._sessions() as session:
            pending = await list_pending_pairs(session, job.job_id, job.dataset_id, self._claim.lease.positions)
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
        return await self._read_stored(Stage.TRANSLATE, units, read)

    async def _read_stored(
        self,
        stage: str,
        units: dict[tuple[int, int], ItemUnit | PairUnit],
        read: Callable[[ItemUnit | PairUnit, StoredAnswer, int], tuple[Outcome, bool]],
    ) -> list[Found]:
        """Record what stored answers give; answers the units left to ask for, with the replies read about each."""
        rounds: dict[tuple[int, int], int] = dict.fromkeys(units, 0)
        async with self._sessions() as session:
            call_ids = await list_answered_calls(session, self._job.job_id, stage, list(units))
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
        async with self._sessions.begin() as session:
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
        outcome = poison_unit(self._job, stage, unit, detail)
        return end_failed(self._job, unit, outcome) if isinstance(unit, ItemUnit) else outcome

    async def _set_aside(self, poisoned: list[Outcome]) -> None:
        if poisoned:
            await self._record(poisoned)
            await pause_if_poisoned(self._sessions, self._job.job_id)

    async def _record(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            async with self._sessions.begin() as session:
                await record_exactly(session, outcomes, self._bucket)


def _call_of(answer: StoredAnswer) -> PaidCall:
    """An answer found stored is recovered; one that was accounted for before keeps its state."""
    state = "recovered" if answer.state == "stored" else None
    keeps_rejections = not answer.has_rejections
    return PaidCall(answer.call_id, state, answer.languages, keeps_rejections, answer.most_pairs)


def _translated(job: JobContext, unit: ItemUnit | PairUnit) -> Outcome:
    """The outcome of a pair that has every language already."""
    return Outcome(job.job_id, Stage.TRANSLATE, unit.item_id, unit.sample, "done")
