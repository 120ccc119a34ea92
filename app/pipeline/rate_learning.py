"""Learns how much an endpoint allows per second from the limit, remaining and reset that its answers state.

Endpoints count in two ways. A *bucket* refills evenly, and its reset is the time until it is full:
`reset = (limit - remaining) / rate`. A *window* starts afresh every so often, and its reset is the time until
then, whatever was used. Each answer therefore bounds the span of a bucket from both sides; once the bounds
contradict each other it is a window. Its span is at least the largest reset seen; where a window is used up long before
its end no answer comes from its beginning, so the span is also taken from the moments at which windows end.
"""

import math
from dataclasses import dataclass, field

_ROUNDING_S = 0.001  # resets are mostly given in milliseconds
_USED_SPREAD = 2.0  # a bucket is believed once it was seen this many times fuller than before
_USED_ENOUGH = 4
_NEXT_WINDOW = 1.75  # a window ends at most so many longest resets after the one before it, or one was missed


@dataclass(slots=True)
class WindowEnds:
    """When windows ended, one after another without a gap; `span_s` is the mean time between two, 0.0 before two."""

    first_s: float = 0.0
    latest_s: float = 0.0
    windows: int = 0

    def observe(self, end_s: float, longest_reset_s: float) -> None:
        """Take in when the window of an answer ends; a late answer makes that late, so the earliest counts."""
        jump_s = end_s - self.latest_s
        if abs(jump_s) <= longest_reset_s / 2:
            self.latest_s = min(self.latest_s, end_s)
        elif 0 < jump_s < longest_reset_s * _NEXT_WINDOW:
            self.windows += 1
            self.latest_s = end_s
        elif jump_s > 0:
            self.first_s, self.latest_s, self.windows = end_s, end_s, 0
        if not self.windows:
            self.first_s = self.latest_s

    @property
    def span_s(self) -> float:
        return (self.latest_s - self.first_s) / self.windows if self.windows else 0.0


@dataclass(slots=True)
class RateLearner:
    """What is known of one limit (requests or tokens); `rate_per_s` is None until it can be told."""

    limit: int = 0
    span_low_s: float = 0.0
    span_high_s: float = math.inf
    longest_reset_s: float = 0.0
    least_used: int = 0
    most_used: int = 0
    is_window: bool = False
    ends: WindowEnds = field(default_factory=WindowEnds)

    def observe(
        self, limit: int | None, remaining: int | None, reset_s: float | None, at_s: float | None = None
    ) -> None:
        """Take in one answer; anything incomplete or absurd is passed over. at_s: when it came (monotonic seconds)."""
        if not limit or remaining is None or reset_s is None or remaining > limit or reset_s < 0:
            return
        if limit != self.limit:
            self._start_over(limit)
        self.longest_reset_s = max(self.longest_reset_s, reset_s)
        if at_s is not None:
            self.ends.observe(at_s + reset_s, self.longest_reset_s)
        used = limit - remaining
        if self.is_window or used < 1:
            return
        rounding = 1.0 if reset_s >= 1 and reset_s == int(reset_s) else _ROUNDING_S
        # What is left is rounded down to a whole number, so the use lies between used - 1 and used.
        self.span_low_s = max(self.span_low_s, (reset_s - rounding) * limit / used)
        if used > 1:
            self.span_high_s = min(self.span_high_s, (reset_s + rounding) * limit / (used - 1))
        self.least_used = min(self.least_used or used, used)
        self.most_used = max(self.most_used, used)
        self.is_window = self.span_low_s > self.span_high_s

    @property
    def is_bucket(self) -> bool:
        """Whether enough was seen, at different fillings, to believe in a bucket."""
        enough = self.most_used >= max(_USED_ENOUGH, self.least_used * _USED_SPREAD)
        return not self.is_window and enough and self.span_high_s <= self.span_low_s * 1.5

    @property
    def rate_per_s(self) -> float | None:
        """What the endpoint allows per second in the long run."""
        if self.is_window and self.longest_reset_s > 0:
            return self.limit / max(self.longest_reset_s, self.ends.span_s)
        if self.is_bucket:
            return self.limit * 2 / (self.span_low_s + self.span_high_s)
        return None

    def _start_over(self, limit: int) -> None:
        self.limit = limit
        self.span_low_s, self.span_high_s, self.longest_reset_s = 0.0, math.inf, 0.0
        self.least_used = self.most_used = 0
        self.is_window = False
        self.ends = WindowEnds()
