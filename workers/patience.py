"""Patience: how long to wait before a unit is tried again, and when it has failed often enough to fail for good.

A failure counts against a unit only where the endpoint has answered something else since the last one that did. So an
outage, however long, costs a unit one count, and a unit that the endpoint cannot answer is told from it. Where nothing
else is left to ask, a witness is sent between the tries: see `app.pipeline.witness`.
"""

from app.clock import monotonic_s
from app.services.answers import RETRIES
from workers.pacing import Paces
from workers.run import Ask

_DOUBTED_FROM = 3
_LONGEST_WAITS = 120
_LONGEST_ASKED_S = 60.0


class Patience:
    """One per worker; what it knows about a unit is on its Ask."""

    def __init__(self, paces: Paces, first_wait_s: float) -> None:
        """first_wait_s: before the first retry; it doubles with each try, up to 120 times as long."""
        self._paces = paces
        self._first_wait_s = first_wait_s

    def wants_witness(self, ask: Ask) -> bool:
        """Whether nothing shows if the unit fails or the endpoint, so that something else is to be asked first."""
        return ask.is_doubted and not ask.is_witnessed and not self._has_proof(ask)

    def note_failure(self, ask: Ask, code: str | None, *, is_outage: bool) -> bool:
        """Take in a call about the unit that failed; whether it was the last one."""
        ask.is_witnessed = False
        if code == "rate_limited":
            ask.attempts = max(0, ask.attempts - 1)
            return False
        if is_outage and not self._has_proof(ask):
            ask.unproven += 1
            ask.is_doubted = ask.is_doubted or ask.unproven >= _DOUBTED_FROM
            self._wait_no_longer_in_an_outage(ask)
            return False
        ask.unproven, ask.strikes, ask.struck_s = 0, ask.strikes + 1, monotonic_s()
        return ask.strikes >= RETRIES

    def note_witness(self, ask: Ask, *, is_answered: bool) -> None:
        """Take in how the call in place of the unit's ended; the unit itself comes next, whatever it said."""
        ask.is_witnessed = True
        if is_answered:
            ask.attempts -= 1
        else:
            self._wait_no_longer_in_an_outage(ask)

    def wait_s(self, ask: Ask, asked_s: float | None = None) -> float:
        """Seconds until the next try, at least those the endpoint asked for."""
        waits = min(_LONGEST_WAITS, 1 << min(30, max(0, ask.attempts - 1)))
        return max(self._first_wait_s * waits, min(asked_s or 0.0, _LONGEST_ASKED_S))

    def _has_proof(self, ask: Ask) -> bool:
        return self._paces.answered_s(ask.run.job.model) > ask.struck_s

    def _wait_no_longer_in_an_outage(self, ask: Ask) -> None:
        """While the breaker is open it paces the tries, and whoever is let through should be there."""
        if self._paces.is_out(ask.run.job.model):
            ask.attempts = max(0, ask.attempts - 1)
