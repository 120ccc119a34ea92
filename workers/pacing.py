"""Paces: one pacer per model, since endpoints limit each model by itself."""

import asyncio

from redis.asyncio import Redis

from app.pacer import Pacer
from app.pipeline.chat import CompletionError
from app.pipeline.values import Answer
from workers.gates import first_of


class Paces:
    """The pacers of a worker process towards its endpoint, by model."""

    def __init__(self, redis: Redis, endpoint: str, worker_id: str) -> None:
        self._redis = redis
        self._endpoint = endpoint
        self._worker_id = worker_id
        self._pacers: dict[str, Pacer] = {}

    async def admit(self, model: str, stopping: asyncio.Event) -> bool:
        """Wait until a call to the model is due; False where the stop came first."""
        pacer = self._pacer_of(model)
        if pacer.is_free:
            await pacer.acquire()
            return True
        return await first_of(pacer.acquire, stopping)

    def note_answer(self, model: str, answer: Answer) -> None:
        self._pacer_of(model).observe_answer(answer)

    def note_error(self, model: str, error: CompletionError, unit: str = "") -> None:
        """`unit`: what the call was about, by a name that nothing else has."""
        self._pacer_of(model).observe_error(error, unit)

    def answered_s(self, model: str) -> float:
        """When the model last answered anybody in the fleet, in monotonic seconds; -inf where nobody knows."""
        return self._pacer_of(model).answered_s

    def is_out(self, model: str) -> bool:
        """Whether the fleet's breaker towards the model is open."""
        return self._pacer_of(model).breaker_open_since() is not None

    async def aclose(self) -> None:
        for pacer in self._pacers.values():
            await pacer.aclose()
        await self._redis.aclose()

    def _pacer_of(self, model: str) -> Pacer:
        if model not in self._pacers:
            self._pacers[model] = Pacer(self._redis, f"{self._endpoint} {model}", worker=self._worker_id)
        return self._pacers[model]
