"""Endings: what the end of a call comes to, how the recorder is to take it, and what follows for its unit."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.pipeline.chat import CompletionError
from app.pipeline.language import LinguaDetector
from app.pipeline.scripts import LanguageDetector
from app.services.answers import ItemUnit, PaidCall, PairUnit, fail_call, fail_unseen, read_item_answer
from app.services.further import carry_on, end_failed, skip_item
from app.services.pair_answers import read_pair_answer
from app.services.showing import UnseenError
from app.services.units import Unit, WholeJob
from app.services.witness import fail_witness, read_witness
from app.store.calls import RawAnswer
from app.store.outcomes import Outcome
from workers.asking import Requests
from workers.outages import Outages
from workers.pacing import Paces
from workers.patience import Patience
from workers.recorder import Held
from workers.run import Ask

log = logging.getLogger("syphus.calling")

_REFUSED_AT_THE_DOOR = frozenset({"unauthorized", "not_found"})


@dataclass(frozen=True, slots=True)
class Follow:
    """What may follow for a unit without an outcome.

    retry: it is tried again after so many seconds; drop: it is left pending; pause: so is it, and its job paused
    """

    retry: Callable[[Ask, float], None]
    drop: Callable[[Ask], None]
    pause: Callable[[Ask, CompletionError], None]


class Endings:
    """One per worker; what it makes of a call is carried out by the recorder."""

    def __init__(self, paces: Paces, requests: Requests, patience: Patience, outages: Outages, follow: Follow) -> None:
        self._paces = paces
        self._requests = requests
        self._patience = patience
        self._outages = outages
        self._follow = follow
        self._detector: LinguaDetector | None = None

    async def detector(self, languages: Sequence[str]) -> LanguageDetector:
        """The language detector, loaded once and taught what it lacks, off the loop."""
        if self._detector is None:
            self._detector = await asyncio.to_thread(LinguaDetector)
        await asyncio.to_thread(self._detector.learn, languages)
        return self._detector

    def forgo(self, ask: Ask, about: Unit, call_id: int) -> Held:
        """Send nothing where this process stood still before it could: the unit may be another worker's by now."""
        late = CompletionError("not_sent", "the lease ran out before the call was sent", retryable=True)
        outcome = fail_call(ask.run.job, ask.stage, about, PaidCall(call_id, "failed", about.languages), late)
        return Held(None, lambda: outcome, lambda _: self._follow.drop(ask))

    def hold_answer(self, ask: Ask, raw: RawAnswer, text_bytes: int) -> Held:
        """How the recorder reads an answer, and what is asked next once that is recorded."""
        job, unit = ask.run.job, ask.unit
        call = PaidCall(raw.call_id, "ok", unit.languages)
        left: list[ItemUnit | PairUnit] = []

        def read() -> Outcome:
            if isinstance(unit, ItemUnit):
                outcome = read_item_answer(job, unit, call, raw.raw, ask.rounds + 1)
                if outcome.earlier and outcome.verdict is None:
                    left.append(carry_on(unit, outcome, call))
            else:
                assert self._detector is not None  # noqa: S101  # loaded before pairs are found
                rounds = ask.rounds + (not unit.drafts)
                outcome, rest = read_pair_answer(job, unit, call, raw.raw, rounds, self._detector)
                if rest is not None:
                    left.append(rest)
            self._requests.learn(text_bytes, outcome.usage)
            return self._limit(ask, outcome, is_outage=False)

        def settle(outcome: Outcome) -> None:
            if outcome.verdict is not None:
                ask.run.settle(ask)
                return
            if left:
                ask.unit = left[0]
                ask.rounds += outcome.call_state == "ok" and not (isinstance(unit, PairUnit) and unit.drafts)
            self._follow.retry(ask, self._patience.wait_s(ask) if outcome.call_state == "failed" else 0.0)

        return Held(raw, read, settle)

    def hold_witness(self, ask: Ask, raw: RawAnswer, _: int) -> Held:
        """The endpoint answers something: the unit comes next, and if that fails it counts."""
        self._patience.note_witness(ask, is_answered=True)
        job, call = ask.run.job, PaidCall(raw.call_id, "ok")
        return Held(raw, lambda: read_witness(job, ask.stage, call, raw.raw), lambda _: self._follow.retry(ask, 0.0))

    def hold_failure(self, ask: Ask, about: Unit, call_id: int, error: CompletionError) -> Held:
        """How a call without an answer is recorded; the unit is asked again unless the error is final."""
        job = ask.run.job
        self._paces.note_error(job.model, error, f"{job.job_id}:{ask.stage}:{about.item_id}:{about.sample}")
        if error.code == "schema_unsupported" and self._requests.drop_schema():
            log.info("schema_unsupported", extra={"job": job.job_id})
        if error.code == "schema_unsupported" or error.code in _REFUSED_AT_THE_DOOR:
            error.retryable = True  # it says nothing about this unit
        if error.outage:
            self._outages.note_failing(job.job_id)
        call = PaidCall(call_id, "failed", about.languages)
        if isinstance(about, WholeJob):
            self._patience.note_witness(ask, is_answered=False)
            outcome = fail_witness(job, ask.stage, call, error)
        else:
            outcome = self._limit(ask, fail_call(job, ask.stage, about, call, error), is_outage=error.outage)
        wait_s = self._patience.wait_s(ask, error.retry_after_s)

        def settle(recorded: Outcome) -> None:
            if recorded.verdict is not None:
                ask.run.settle(ask)
            elif error.code in _REFUSED_AT_THE_DOOR:
                self._follow.pause(ask, error)
            else:
                self._follow.retry(ask, 0.0 if error.code == "schema_unsupported" else wait_s)

        return Held(None, lambda: outcome, settle)

    def _limit(self, ask: Ask, outcome: Outcome, *, is_outage: bool) -> Outcome:
        """End a unit that keeps failing while others succeed; an outage of the endpoint ends nothing."""
        has_failed = outcome.verdict is None and outcome.call_state == "failed"
        if has_failed and self._patience.note_failure(ask, outcome.code, is_outage=is_outage):
            outcome = replace(outcome, verdict="failed")
        return end_failed(ask.run.job, ask.unit, outcome) if isinstance(ask.unit, ItemUnit) else outcome


def end_unseen(ask: Ask, unseen: UnseenError) -> Held:
    """End an item whose pictures cannot be shown; nothing was asked and nothing is paid."""
    assert isinstance(ask.unit, ItemUnit)  # noqa: S101  # pairs show none
    outcome = fail_unseen(ask.run.job, ask.unit, unseen.code, unseen.detail)
    return Held(None, lambda: outcome, lambda _: ask.run.settle(ask))


def end_surplus(ask: Ask) -> Held:
    """End an item that the job needs no further pairs of; nothing is asked."""
    assert isinstance(ask.unit, ItemUnit)  # noqa: S101  # targets are of generated pairs
    outcome = skip_item(ask.run.job, ask.unit)
    return Held(None, lambda: outcome, lambda _: ask.run.settle(ask))
