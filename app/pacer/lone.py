"""Pacing alone while Redis is away, by what this worker sees itself."""

from dataclasses import dataclass, field

HORIZON_S = 0.05  # permits are drawn this far ahead, so that a round trip never delays one
FIRST_RATE_PER_S = 20.0
_OUTAGES_TO_OPEN = 10
_FEW_OUTAGES, _FEW_OUTAGES_S = 3, 0.5  # that few open it over a time in which nothing succeeded


@dataclass(slots=True)
class Report:
    """What was seen since the last turn; `unused` permits were drawn and dropped.

    outage_tail: outages since the last success; those that an answer told about a unit name it in `failing`, once,
    the others are `nameless`; answered_s: when the last answer came, in monotonic seconds
    """

    ok: int = 0
    unused: int = 0
    rejected: int = 0
    outage_tail: int = 0
    failing: set[str] = field(default_factory=set)
    nameless: int = 0
    retry_after: float = 0.0
    rem: int = -1
    reset: float = -1.0
    answered_s: float | None = None

    def note_outage(self, unit: str) -> None:
        self.outage_tail += 1
        if unit:
            self.failing.add(unit)
        else:
            self.nameless += 1

    def note_ok(self) -> None:
        self.ok += 1
        if self.outage_tail:
            self.outage_tail = self.nameless = 0
            self.failing.clear()


@dataclass(slots=True)
class LonePace:
    """How a worker paces itself while Redis is away: its share of the last known rate, and a breaker of its own."""

    rate_per_s: float | None = None
    workers: int = 1
    next_s: float = 0.0
    changed_s: float = 0.0
    fails: int = 0
    failing: set[str] = field(default_factory=set)
    nameless: int = 0
    failing_since_s: float = 0.0
    open_since_s: float | None = None
    probe_s: float = 0.0

    def note(self, report: Report, now: float) -> None:
        """Slow down on refusals, open after outages in a row, close with a success."""
        if report.ok:
            self.forget_outages()
        if report.outage_tail:
            if not self.fails:
                self.failing_since_s = now
            self.fails += report.outage_tail
            self.failing |= report.failing
            self.nameless += report.nameless
        different = len(self.failing) + self.nameless
        is_long = self.fails >= _FEW_OUTAGES and different > 1 and now - self.failing_since_s >= _FEW_OUTAGES_S
        if self.open_since_s is None and (different >= _OUTAGES_TO_OPEN or is_long):
            self.open_since_s, self.probe_s = now, now + self.workers
        if report.rejected and now - self.changed_s > 0.5:
            self.rate_per_s = max(0.2, (self.rate_per_s or FIRST_RATE_PER_S) * 0.7)
            self.changed_s = now

    def forget_outages(self) -> None:
        """The endpoint answers, or the fleet knows better."""
        self.fails, self.nameless, self.open_since_s = 0, 0, None
        self.failing.clear()

    def take(self, want: int, now: float) -> list[float]:
        """The moments at which permits fall due, at most `want` and none beyond the horizon."""
        if self.open_since_s is not None:
            if now < self.probe_s:
                return []
            self.probe_s = now + self.workers  # one probe a second in the whole fleet
            return [now]
        if self.rate_per_s is None:
            return [now] * want
        self.next_s = max(self.next_s, now)
        due: list[float] = []
        while len(due) < want and self.next_s <= now + HORIZON_S:
            due.append(self.next_s)
            self.next_s += 1 / self.rate_per_s
        return due
