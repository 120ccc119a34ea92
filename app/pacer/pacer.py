"""The pacer of one worker process: callers wait for it and report to it, it takes turns with the fleet."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cancelling import end_tasks
from app.clock import monotonic_s, utc_now
from app.pacer.agenda import Agenda
from app.pacer.lone import FIRST_RATE_PER_S, HORIZON_S, LonePace, Report
from app.pipeline.chat import CompletionError
from app.pipeline.pacing import read_rate_headers, read_retry_after
from app.pipeline.rate_learning import RateLearner
from app.pipeline.values import Answer

_log = logging.getLogger(__name__)
_REDIS_TIMEOUT_S = 1.0
_REDIS_RETRY_S = 1.0
_LONGEST_STOP_S = 3600.0
_STALE_S = 0.05
_TURN = Path(__file__).with_name("turn.lua")


@dataclass(slots=True)
class Counts:
    """What the pacer did so far, for metrics."""

    permits: int = 0
    waits: int = 0
    turns: int = 0
    refusals: int = 0
    stops: int = 0
    outages: int = 0
    redis_failures: int = 0


@dataclass(slots=True)
class Shared:
    """The fleet's state as of the last turn."""

    mode: str = "ramp"
    rate_per_s: float = 0.0
    workers: int = 1
    open_since: datetime | None = None
    known: bool = False


class Pacer:
    """Hands out permits for calls; one per worker process and endpoint, all sharing one state by `name`.

    `await acquire()` before each call, `observe_answer` or `observe_error` after it. Where the endpoint never
    objects a permit costs nothing; otherwise waiting callers share one Redis round trip.
    """

    def __init__(self, redis: Redis, name: str, *, worker: str | None = None) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=12).hexdigest()
        self._redis = redis
        self._key = f"syphus:pace:{digest}"
        self._worker = worker or secrets.token_hex(6)
        self._turn = redis.register_script(_TURN.read_text())
        self._requests = RateLearner()
        self._tokens = RateLearner()
        self._report = Report()
        self._lone = LonePace()
        self._shared = Shared()
        self._agenda = Agenda()
        self._away_until_s = 0.0
        self._tokens_a_call = 0.0
        self._rtt_s = 0.0
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._has_headers = False
        self._is_failing = False
        self.answered_s = -inf  # when the endpoint last answered anybody in the fleet, by the monotonic clock
        self.counts = Counts()

    async def acquire(self, n_tokens_estimate: int = 0) -> None:
        """Return when a call is due; `n_tokens_estimate` counts prompt and reply, where the endpoint limits those."""
        if n_tokens_estimate:
            self._tokens_a_call += (n_tokens_estimate - self._tokens_a_call) * (0.05 if self._tokens_a_call else 1.0)
        self.counts.permits += 1
        if self.is_free:
            return
        self.counts.waits += 1
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._agenda.waiters.append(waiter)
        self._start_pump()
        self._wake.set()
        await waiter

    def observe_answer(self, answer: Answer) -> None:
        """Take in a 200."""
        self.observe(answer.headers, answer.status, answer.latency_ms)

    def observe_error(self, error: CompletionError, unit: str = "") -> None:
        """Take in a failed call about a unit, by a name that no other unit has."""
        wait_s = error.retry_after_s
        self.observe(error.headers, error.status or 0, 0, is_outage=error.outage, retry_after_s=wait_s, unit=unit)

    def observe(
        self,
        headers: Mapping[str, str],
        status: int,
        latency_ms: int,
        *,
        is_outage: bool | None = None,
        retry_after_s: float | None = None,
        unit: str = "",
    ) -> None:
        """Take in how a call ended; status 0 is a call without an answer. Never waits."""
        outage = status == 0 or status >= 500 if is_outage is None else is_outage
        if status == 429:
            self._report.rejected += 1
            self.counts.refusals += 1
        elif outage:
            self._report.note_outage(unit if status else "")
            self.counts.outages += 1
            self._is_failing = True
        elif status:
            self._report.note_ok()
            self._is_failing = False
            if status < 300:
                self.answered_s = self._report.answered_s = monotonic_s()
        if latency_ms:
            self._rtt_s += (latency_ms / 1000 - self._rtt_s) * (0.1 if self._rtt_s else 1.0)
        if headers:
            self._read_headers(headers)
        if status == 429 or status == 503:
            wait_s = retry_after_s if retry_after_s is not None else read_retry_after(headers, utc_now())
            self._note_refusal(wait_s or 0.0)
        self._agenda.is_dirty = True
        if status == 429 or outage:
            self._agenda.is_urgent = True
        if self._agenda.is_urgent or not self._shared.known or self._pump is not None:
            self._start_pump()
            self._wake.set()

    def breaker_open_since(self) -> datetime | None:
        """Since when the endpoint counts as down; None while it answers."""
        return self._shared.open_since

    @property
    def rate_per_s(self) -> float | None:
        """The pace of the whole fleet; None where there is none."""
        return None if self._shared.mode == "free" or not self._shared.known else self._shared.rate_per_s

    async def aclose(self) -> None:
        """Stop; callers that still wait are cancelled."""
        if self._pump is not None:
            await end_tasks(self._pump)
        for waiter in self._agenda.waiters:
            waiter.cancel()

    @property
    def is_free(self) -> bool:
        """Whether `acquire` would return at once; after an outage, not before a success: others may know more."""
        shared, agenda = self._shared, self._agenda
        return (
            shared.known
            and shared.mode == "free"
            and shared.open_since is None
            and not agenda.is_urgent
            and not self._is_failing
            and not agenda.waiters
            and agenda.stop_s == 0.0
        )

    def _read_headers(self, headers: Mapping[str, str]) -> None:
        if not any("ratelimit" in name for name in headers):
            return
        signal, now = read_rate_headers(headers), monotonic_s()
        self._has_headers = self._has_headers or signal.requests_limit is not None
        self._requests.observe(signal.requests_limit, signal.requests_remaining, signal.requests_reset_s, now)
        self._tokens.observe(signal.tokens_limit, signal.tokens_remaining, signal.tokens_reset_s, now)
        if signal.requests_remaining is not None and signal.requests_reset_s is not None:
            self._report.rem, self._report.reset = signal.requests_remaining, signal.requests_reset_s

    def _note_refusal(self, wait_s: float) -> None:
        """Hold back at once what this process has drawn; the others hear of it with the next turn."""
        if self._shared.mode != "head" or wait_s > 0:
            self._report.unused += len(self._agenda.due)
            self._agenda.due.clear()
        if wait_s <= 0:
            return
        wait_s = min(wait_s, _LONGEST_STOP_S)
        self.counts.stops += 1
        self._report.retry_after = max(self._report.retry_after, wait_s)
        self._agenda.stop_s = max(self._agenda.stop_s, monotonic_s() + wait_s)

    def _start_pump(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._run(), name=f"pacer {self._key}")

    async def _run(self) -> None:
        while True:
            now = monotonic_s()
            self._agenda.release(now)
            if self._agenda.turn_is_due(now):
                await self._take_turn()
                continue
            await self._rest(self._agenda.next_event_s(now) - now)

    async def _rest(self, span_s: float) -> None:
        """Until the time has come or something was observed."""
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(max(0.0, span_s), self._wake.set)
        await self._wake.wait()
        timer.cancel()

    async def _take_turn(self) -> None:
        """Report what was seen and draw permits, from Redis or, while that is away, alone."""
        now = monotonic_s()
        report, self._report = self._report, Report()
        self._agenda.begin_turn(now)
        self.counts.turns += 1
        if now >= self._away_until_s:
            try:
                async with asyncio.timeout(_REDIS_TIMEOUT_S):
                    answer = await self._ask(report)
            except (RedisError, OSError, TimeoutError) as error:
                self.counts.redis_failures += 1
                self._away_until_s = monotonic_s() + _REDIS_RETRY_S
                _log.warning("pacing alone, Redis is away", extra={"error": type(error).__name__})
            else:
                self._follow(answer)
                return
        self._pace_alone(report)

    async def _ask(self, report: Report) -> dict[str, Any]:
        body = {
            "worker": self._worker,
            "want": self._agenda.wanted,
            "horizon": HORIZON_S,
            "ok": report.ok,
            "rejected": report.rejected,
            "outage_tail": report.outage_tail,
            "failing": list(report.failing),
            "nameless": report.nameless,
            "answered_for": -1 if report.answered_s is None else monotonic_s() - report.answered_s,
            "retry_after": report.retry_after,
            "unused": report.unused,
            "rem": report.rem,
            "reset": report.reset,
            "rtt": round(self._rtt_s, 4),
            "head": self._requests.rate_per_s or 0,
            "has_headers": self._has_headers,
            "limit": self._requests.limit,
            "is_bucket": self._requests.is_bucket,
            "tokens": round(self._tokens_a_call),
            "token_rate": self._tokens.rate_per_s or 0,
        }
        return cast("dict[str, Any]", orjson.loads(await self._turn(keys=[self._key], args=[orjson.dumps(body)])))

    def _follow(self, answer: dict[str, Any]) -> None:
        """Take over the fleet's state and lay out the permits granted."""
        now, shared, agenda = monotonic_s(), self._shared, self._agenda
        shared.mode, shared.rate_per_s, shared.workers = answer["mode"], answer["rate"], answer["workers"]
        shared.open_since = utc_now() - timedelta(seconds=answer["open_for"]) if answer["open_for"] >= 0 else None
        shared.known = True
        lone = self._lone
        lone.rate_per_s = None if shared.mode == "free" else shared.rate_per_s / max(1, shared.workers)
        lone.workers = shared.workers
        lone.forget_outages()
        answered_for_s = answer["answered_for"]
        self.answered_s = max(self.answered_s, -inf if answered_for_s < 0 else now - answered_for_s)
        if answer["stop_for"] > 0:
            agenda.stop_s = max(agenda.stop_s, now + answer["stop_for"])
        agenda.next_ask_s = now + answer["wait"]
        agenda.stale_s = _STALE_S if shared.mode == "head" and not answer["is_bucket"] else inf
        first = now + answer["first"]
        agenda.due.extend(first + number * answer["gap"] for number in range(answer["granted"]))

    def _pace_alone(self, report: Report) -> None:
        now, lone, shared, agenda = monotonic_s(), self._lone, self._shared, self._agenda
        if not shared.known and lone.rate_per_s is None:
            lone.rate_per_s = FIRST_RATE_PER_S
        lone.note(report, now)
        if lone.open_since_s is None:
            shared.open_since = None
        elif shared.open_since is None:
            shared.open_since = utc_now()
        wanted = 0 if now < agenda.stop_s else agenda.wanted
        agenda.due.extend(lone.take(wanted, now))
        agenda.next_ask_s = now + HORIZON_S / 2
