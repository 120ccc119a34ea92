"""What a pacer has to do when: permits to hand out, turns to take, a stop to keep."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from math import inf

_FREE_REPORT_S = 0.25  # how often an unpaced worker says that all is well
_ASK_SPACING_S = 0.005


@dataclass(slots=True)
class Agenda:
    """Moments are in monotonic seconds.

    waiters: callers without a permit, first come first served; due: when the permits drawn so far fall due
    stop_s: until when nothing is handed out, 0 for no stop
    stale_s: a permit this late is void. Where calls are counted by windows it would come on top of the next one's.
    is_dirty: something was seen that the fleet has not heard of; is_urgent: it should hear of it now
    """

    waiters: deque[asyncio.Future[None]] = field(default_factory=deque)
    due: deque[float] = field(default_factory=deque)
    next_ask_s: float = 0.0
    reported_s: float = 0.0
    stop_s: float = 0.0
    stale_s: float = inf
    is_dirty: bool = False
    is_urgent: bool = False

    @property
    def wanted(self) -> int:
        """How many callers have no permit drawn for them."""
        return max(0, len(self.waiters) - len(self.due))

    def release(self, now: float) -> None:
        """Let go of those whose permit is due."""
        if self.stop_s and now >= self.stop_s:
            self.stop_s = 0.0
        while self.due and self.due[0] <= now:
            if now - self.due.popleft() > self.stale_s:
                continue
            while self.waiters:
                waiter = self.waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    break

    def begin_turn(self, now: float) -> None:
        """Note that all that was seen is reported now."""
        self.is_dirty = self.is_urgent = False
        self.reported_s = now

    def turn_is_due(self, now: float) -> bool:
        if now < self.reported_s + _ASK_SPACING_S:
            return False
        if self.is_urgent:
            return True
        if self.wanted and now >= self.next_ask_s:
            return True
        return self.is_dirty and now >= self.reported_s + _FREE_REPORT_S

    def next_event_s(self, now: float) -> float:
        """When there is something to do next, unless something is seen before."""
        spaced = self.reported_s + _ASK_SPACING_S
        moments = [now + 60.0]
        if self.due:
            moments.append(self.due[0])
        if self.is_urgent:
            moments.append(spaced)
        if self.wanted:
            moments.append(max(spaced, self.next_ask_s))
        if self.is_dirty:
            moments.append(self.reported_s + _FREE_REPORT_S)
        if self.stop_s:
            moments.append(self.stop_s)
        return min(moments)
