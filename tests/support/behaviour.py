"""How the loopback endpoint behaves and misbehaves: its mode, its rate limit and the fault of each request."""

import math
from dataclasses import dataclass
from typing import Literal

import msgspec

from tests.support.replies import Draw

FRACTIONS = (
    "too_many",
    "server_error",
    "reset_before",
    "reset_mid",
    "hang",
    "html",
    "truncated",
    "huge",
    "nul",
    "surrogate",
    "nan",
    "refusal",
    "content_filter",
    "cut",
)


class Mode(msgspec.Struct, forbid_unknown_fields=True):
    """Every knob of the endpoint; the fraction fields share out the requests between the faults.

    limit_per_s: 0 is no limit; "bucket" refills evenly up to `burst` (a second's worth by default),
        "window" counts afresh every `window_s`
    retry_after: a 429 or 503 carries Retry-After (whole seconds, rounded up)
    outage: "" none, "503" an answer that says so, "reset" the connection is cut
    refuses: a word that makes a request for vectors a bad one
    breaks: a pattern; what a user says that holds it breaks the endpoint, `breaks_by` an answer or a cut connection
    refusal_latency: a refusal by the limit takes as long as an answer
    answers: how many answers are given from now on; all others are held back until it is set again; below 0 all
    says: the answer to every request for pairs, in place of invented ones
    mends: the answer to one that quotes pairs to be written again
    """

    seed: int = 0
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    pairs: int = 5
    answers: int = -1
    says: str = ""
    mends: str = ""
    limit_per_s: float = 0.0
    limit_style: Literal["bucket", "window"] = "bucket"
    window_s: float = 1.0
    burst: float = 0.0
    limit_headers: bool = True
    tokens_per_s: float = 0.0
    retry_after: bool = False
    refusal_latency: bool = False
    too_many: float = 0.0
    server_error: float = 0.0
    reset_before: float = 0.0
    reset_mid: float = 0.0
    hang: float = 0.0
    html: float = 0.0
    truncated: float = 0.0
    huge: float = 0.0
    huge_bytes: int = 2_000_000
    nul: float = 0.0
    surrogate: float = 0.0
    nan: float = 0.0
    refusal: float = 0.0
    content_filter: float = 0.0
    cut: float = 0.0
    wrong_translations: float = 0.0
    outage: Literal["", "503", "reset"] = ""
    outage_retry_after_s: int = 0
    refuse_response_format: bool = False
    refuses: str = ""
    breaks: str = ""
    breaks_by: Literal["500", "reset"] = "500"
    api_key: str = ""
    report_usage: bool = True

    def fault_of(self, key: bytes, attempt: int) -> str:
        """The fault that the n-th request for a key meets; the seed decides, the order of requests does not."""
        point = Draw.of(key, f"{self.seed}:{attempt}").fraction
        for name in FRACTIONS:
            point -= getattr(self, name)
            if point < 0:
                return name
        return ""

    def delay_s(self, key: bytes) -> float:
        """How long the answer for a key takes."""
        if not self.jitter_ms:
            return self.latency_ms / 1000
        spread = (Draw.of(key, "delay").fraction * 2 - 1) * self.jitter_ms
        return max(0.0, self.latency_ms + spread) / 1000


@dataclass(slots=True)
class Quota:
    """One limited quantity: a token bucket, or a count that starts afresh with every window."""

    rate_per_s: float
    capacity: float
    window_s: float = 0.0
    left: float = 0.0
    at: float = 0.0

    def refresh(self, now: float) -> None:
        """Bring what is left up to date."""
        if self.window_s:
            window = math.floor(now / self.window_s) * self.window_s
            if window > self.at:
                self.at, self.left = window, self.capacity
            return
        self.left = min(self.capacity, self.left + (now - self.at) * self.rate_per_s)
        self.at = now

    def wait_s(self, now: float, amount: float) -> float:
        """Seconds until `amount` can be had."""
        if self.left >= amount:
            return 0.0
        return self.at + self.window_s - now if self.window_s else (amount - self.left) / self.rate_per_s

    def reset_s(self, now: float) -> float:
        """Seconds until the quota is full again."""
        return self.at + self.window_s - now if self.window_s else (self.capacity - self.left) / self.rate_per_s


class RateLimit:
    """What the endpoint lets through, by requests and by tokens."""

    def __init__(self, mode: Mode, now: float) -> None:
        window_s = mode.window_s if mode.limit_style == "window" else 0.0
        self._quotas: dict[str, Quota] = {}
        for name, rate in (("requests", mode.limit_per_s), ("tokens", mode.tokens_per_s)):
            if rate:
                capacity = rate * mode.window_s if window_s or name == "tokens" else mode.burst or rate
                self._quotas[name] = Quota(rate, capacity, window_s, capacity, 0.0 if window_s else now)

    def admit(self, now: float, tokens: float) -> float:
        """Take one request and its tokens; else the seconds until that may work."""
        wait_s = 0.0
        for name, quota in self._quotas.items():
            quota.refresh(now)
            wait_s = max(wait_s, quota.wait_s(now, 1 if name == "requests" else tokens))
        if wait_s == 0.0:
            for name, quota in self._quotas.items():
                quota.left -= 1 if name == "requests" else tokens
        return wait_s

    def headers(self, now: float) -> str:
        """The x-ratelimit headers as they stand."""
        lines = []
        for name, quota in self._quotas.items():
            lines.append(f"x-ratelimit-limit-{name}: {int(quota.capacity)}\r\n")
            lines.append(f"x-ratelimit-remaining-{name}: {int(quota.left)}\r\n")
            lines.append(f"x-ratelimit-reset-{name}: {duration(quota.reset_s(now))}\r\n")
        return "".join(lines)


def duration(seconds: float) -> str:
    """A span as providers print it: 6m0s, 1.2s, 17ms."""
    if seconds >= 60:
        return f"{int(seconds // 60)}m{int(seconds % 60)}s"
    return f"{seconds:.3f}s" if seconds >= 1 else f"{math.ceil(seconds * 1000)}ms"


def disturb(text: str, fault: str, mode: Mode) -> tuple[str, str]:
    """The text and finish reason a fault turns an answer into."""
    if fault == "refusal":
        return "I'm sorry, but as an AI language model I cannot help with that.", "stop"
    if fault == "content_filter":
        return "", "content_filter"
    if fault == "cut":
        return text[: len(text) * 2 // 3], "length"
    if fault == "huge":
        return text + " " + "many words " * (mode.huge_bytes // 11), "stop"
    return text, "stop"


def disturb_bytes(raw: bytes, fault: str) -> bytes:
    """The bytes on the wire: escapes that databases refuse, numbers that JSON lacks, a body that stops short."""
    if fault in {"nul", "surrogate"}:
        escape = b"\\u0000" if fault == "nul" else b"\\ud800"
        return raw.replace(b"centimetres", b"centi" + escape + b"metres")
    if fault == "nan":
        return raw.replace(b'"index":0', b'"index":0,"logprobs":NaN')
    return raw[: len(raw) * 2 // 3] if fault == "truncated" else raw
