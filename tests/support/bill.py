"""What the loopback endpoint has been asked, what it answered and what that costs."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.support.behaviour import Mode, RateLimit
from tests.support.replies import ChatRequest

PICTURE_TOKENS = 255


@dataclass(slots=True)
class Bill:
    """What came in, what went out and what it costs, since the start or the last reset."""

    requests: int = 0
    accepted: int = 0
    abandoned: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    connections: int = 0
    limited: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    vector_requests: int = 0
    vectors: int = 0
    first_accepted_s: float = 0.0
    last_accepted_s: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: Counter[bytes] = field(default_factory=Counter)
    paid: Counter[bytes] = field(default_factory=Counter)
    callers: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it but the counts per key."""
        numbers = {
            name: getattr(self, name)
            for name in Bill.__slots__
            if name not in {"answered", "faults", "attempts", "paid", "callers"}
        }
        return numbers | {
            "answered": dict(self.answered),
            "faults": dict(self.faults),
            "callers": dict(self.callers),
            "distinct": len(self.paid),
            "paid_twice": sum(self.paid.values()) - len(self.paid),
        }


class Gate:
    """Lets so many answers through, in the order in which they come, and holds the others back; below 0 none."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._held: deque[Callable[[], None]] = deque()

    def set(self, left: int) -> None:
        """Let so many through from now on, those that are held first."""
        self._left = left
        self._release()

    def take(self, act: Callable[[], None]) -> None:
        """Act now, or once the gate lets it through."""
        self._held.append(act)
        self._release()

    def _release(self) -> None:
        while self._held and self._left:
            self._left -= self._left > 0
            self._held.popleft()()


class State:
    """The mode, the gate, the limit and the bill that all connections share."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.gate = Gate(mode.answers)
        self.limit = RateLimit(mode, time.monotonic())
        self.bill = Bill()

    def change(self, changes: dict[str, Any]) -> None:
        """Put on other manners; a quota starts afresh only when something about the limit changes."""
        before = msgspec.structs.asdict(self.mode)
        self.mode = msgspec.convert(before | changes, Mode)
        if any(name in changes for name in ("limit_per_s", "limit_style", "window_s", "burst", "tokens_per_s")):
            self.limit = RateLimit(self.mode, time.monotonic())
        if "answers" in changes:
            self.gate.set(self.mode.answers)

    def accept(self, key: bytes, caller: str, now: float) -> None:
        """Note that a request will be answered with a completion, and is therefore paid for; by whose key, too."""
        bill = self.bill
        bill.callers[caller] += 1
        bill.accepted += 1
        bill.paid[key] += 1
        bill.first_accepted_s = bill.first_accepted_s or now
        bill.last_accepted_s = now


def usage_of(request: ChatRequest, size: int, text: str) -> dict[str, Any]:
    """Tokens by the rule of four bytes, and a fixed price for each picture; what precedes the last message counts as
    cached from 1,024 tokens on.
    """
    text_bytes = size - sum(map(len, request.urls))
    prompt_tokens = max(1, text_bytes // 4) + PICTURE_TOKENS * len(request.urls)
    prefix = prompt_tokens - len(request.messages[-1].text) // 4
    cached = prefix // 128 * 128 if prefix >= 1024 else 0
    completion_tokens = max(1, len(text.encode("utf-8", "replace")) // 4)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
