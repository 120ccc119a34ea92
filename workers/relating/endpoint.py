"""Vectors from an endpoint's `/embeddings`: paced, in the ledger of calls and within the budget, like any call."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.llm import OpenAIChatModel
from app.pipeline.chat import CompletionError
from app.pipeline.costing import Price, cost_micros, worst_case_micros
from app.pipeline.embeddings import decode_vectors
from app.pipeline.values import Answer, Stage
from app.services.answers import RETRIES, PaidCall, fail_call
from app.services.fleet import note_outage, pause_job
from app.services.intents import NewIntent, Refusal, open_calls
from app.services.units import WholeJob
from app.store.embeddings import store_vectors
from app.store.outcomes import Outcome
from app.store.recording import record_outcomes
from app.store.session import Sessions
from workers.pacing import Paces
from workers.run import ShardRun

log = logging.getLogger("syphus.relating")

TEXTS_IN_REQUEST = 96
IMAGES_IN_REQUEST = 16
_IN_FLIGHT = 8
_BATCH_BYTES = 512 * 1024
_BUDGET_WAIT_S = 0.5
_STORE_AGAIN_S = 1.0
_RETRY_FIRST_S, _RETRY_LONGEST_S = 0.25, 30.0
_REFUSED_AT_THE_DOOR = frozenset({"unauthorized", "not_found"})


@dataclass(frozen=True, slots=True)
class VectorEndpoint:
    """Where vectors come from: a model behind a port, what it costs, and how many things one request may hold."""

    port: OpenAIChatModel
    model: str
    price: Price | None
    build: Callable[[Sequence[Any]], bytes]
    most_in_batch: int
    timeout_s: float


class EndpointVectors:
    """Asks for what is missing, some requests at a time; see `open_endpoint`."""

    is_paid = True

    def __init__(
        self, sessions: Sessions, endpoint: VectorEndpoint, paces: Paces, run: ShardRun, worker_id: str, bucket: int
    ) -> None:
        self.model = endpoint.model
        self._sessions = sessions
        self._endpoint = endpoint
        self._paces = paces
        self._run = run
        self._job = replace(run.job, model=endpoint.model, price=endpoint.price)
        self._worker_id = worker_id
        self._bucket = bucket
        self._refused: set[bytes] = set()
        self._places = asyncio.Semaphore(min(_IN_FLIGHT, run.job.calls_per_shard or _IN_FLIGHT))
        self._asking: set[asyncio.Task[None]] = set()
        self._is_out = False

    async def embed(self, things: Mapping[bytes, str | bytes]) -> None:
        """Store the vectors of things, by digest; what the endpoint refuses for good is left without one."""
        for batch in self._cut({digest: thing for digest, thing in things.items() if digest not in self._refused}):
            self._spawn(batch)
        while self._asking:
            done, _ = await asyncio.wait(self._asking, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def settle(self) -> None:
        """Wait for requests under way: what they bring is paid for."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _spawn(self, batch: dict[bytes, str | bytes]) -> None:
        task = asyncio.create_task(self._ask(batch))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _cut(self, things: Mapping[bytes, str | bytes]) -> list[dict[bytes, str | bytes]]:
        batches: list[dict[bytes, str | bytes]] = []
        size = 0
        for digest, thing in things.items():
            if not batches or len(batches[-1]) == self._endpoint.most_in_batch or size + len(thing) > _BATCH_BYTES:
                batches.append({})
                size = 0
            batches[-1][digest] = thing
            size += len(thing)
        return batches

    async def _ask(self, batch: dict[bytes, str | bytes]) -> None:
        """One batch until it has its vectors, was refused for good, or the run stops."""
        attempts = 0
        async with self._places:
            body = self._endpoint.build(list(batch.values()))
            while self._run.is_alive and await self._paces.admit(self.model, self._run.stopping):
                call_id = await self._open_call(len(body))
                if call_id is None:
                    continue
                attempts += 1
                error = await self._exchange(batch, body, call_id)
                if error is None:
                    return
                if self._paces.is_out(self.model) or error.code == "rate_limited":
                    attempts -= 1
                if error.code in _REFUSED_AT_THE_DOOR:
                    await self._pause(error)
                elif not error.retryable or attempts >= RETRIES:
                    break
                else:
                    await self._rest(max(_delay_s(attempts), min(error.retry_after_s or 0.0, 60.0)))
        if self._run.is_alive:
            self._split(batch)

    def _split(self, batch: dict[bytes, str | bytes]) -> None:
        """What the endpoint refuses is looked for in halves, so that one bad text costs no other its vector."""
        digests = list(batch)
        if len(digests) == 1:
            log.warning("vector_refused", extra={"job": self._job.job_id, "model": self.model})
            self._refused.update(digests)
            return
        middle = len(digests) // 2
        for half in (digests[:middle], digests[middle:]):
            self._spawn({digest: batch[digest] for digest in half})

    async def _open_call(self, body_bytes: int) -> int | None:
        """The intent in the ledger, or None where the call may not start now."""
        reserve = worst_case_micros(body_bytes, 0, self._job.price) if self._job.price else 0
        intent = NewIntent(self._run.claim.lease, self._job, Stage.RELATE, WholeJob(), reserve)
        async with self._sessions.begin() as session:
            (opened,) = await open_calls(session, [intent], self._worker_id)
        if isinstance(opened, int):
            return opened
        if opened is Refusal.BUDGET_HELD:
            await self._rest(_BUDGET_WAIT_S)
            return None
        if opened is Refusal.BUDGET_SPENT:
            await pause_job(self._sessions, self._job.job_id, "budget")
        self._run.stop()
        return None

    async def _exchange(self, batch: Mapping[bytes, str | bytes], body: bytes, call_id: int) -> CompletionError | None:
        """Ask, then keep what came; answers what went wrong."""
        try:
            answer = await self._endpoint.port.complete(body, timeout_s=self._endpoint.timeout_s)
        except CompletionError as error:
            self._paces.note_error(self.model, error)
            await self._stamp_outage(out=error.outage)
            await self._record(fail_call(self._job, Stage.RELATE, WholeJob(), PaidCall(call_id, "failed"), error), {})
            return error
        self._paces.note_answer(self.model, answer)
        await self._stamp_outage(out=False)
        try:
            outcome, vectors = self._read(batch, answer, call_id)
        except CompletionError as error:
            await self._record(fail_call(self._job, Stage.RELATE, WholeJob(), PaidCall(call_id, "failed"), error), {})
            return error
        await self._record(outcome, vectors)
        return None

    def _read(
        self, batch: Mapping[bytes, str | bytes], answer: Answer, call_id: int
    ) -> tuple[Outcome, dict[bytes, bytes]]:
        vectors, usage = decode_vectors(answer.raw, len(batch))
        outcome = Outcome(
            self._job.job_id, Stage.RELATE, 0, 0, None, call_id, "ok",
            usage=usage,
            cost_micros=cost_micros(usage, self._job.price) if self._job.price else 0,
            http_status=answer.status,
            has_budget=self._job.has_budget,
        )  # fmt: skip
        return outcome, dict(zip(batch, vectors, strict=True))

    async def _record(self, outcome: Outcome, vectors: Mapping[bytes, bytes]) -> None:
        """Vectors and their bill in one transaction, again and again while PostgreSQL is away: they are paid for."""
        while True:
            try:
                async with self._sessions.begin() as session:
                    if vectors:
                        await store_vectors(session, self.model, vectors)
                    await record_outcomes(session, [outcome], self._bucket)
                return
            except Exception as error:
                log.warning("vectors_not_stored", extra={"error": type(error).__name__})
                await asyncio.sleep(_STORE_AGAIN_S)

    async def _stamp_outage(self, *, out: bool) -> None:
        """Say when the endpoint began to fail the job, and when it answers again."""
        if out == self._is_out:
            return
        self._is_out = out
        try:
            await note_outage(self._sessions, [self._job.job_id], out=out)
        except Exception as error:
            log.warning("outage_stamp_failed", extra={"error": type(error).__name__})

    async def _pause(self, error: CompletionError) -> None:
        """A wrong key or model fails every request alike: the job waits for a person."""
        data = {"error": error.code, "detail": error.detail, "model": self.model}
        await pause_job(self._sessions, self._job.job_id, "provider_outage", data)
        self._run.stop()

    async def _rest(self, span_s: float) -> None:
        try:
            async with asyncio.timeout(span_s):
                await self._run.stopping.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def open_endpoint(
    sessions: Sessions, endpoint: VectorEndpoint, paces: Paces, run: ShardRun, worker_id: str, bucket: int
) -> AsyncIterator[EndpointVectors]:
    """The endpoint's vectors for the length of the block; requests under way at its end are waited for."""
    vectors = EndpointVectors(sessions, endpoint, paces, run, worker_id, bucket)
    try:
        yield vectors
    finally:
        await asyncio.shield(vectors.settle())


def _delay_s(attempts: int) -> float:
    return float(min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** max(0, attempts - 1)))
