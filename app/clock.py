"""The only source of time and of new ids."""

import secrets
import time
from datetime import UTC, datetime

_RANDOM_BITS = 20


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds of a clock that never steps, for timeouts and leases within one process."""
    return time.monotonic()


def new_id() -> int:
    """A fresh id that sorts by its time of birth: 43 bits of milliseconds, 20 random bits (63 in all).

    Meant for rows that are born at human pace (datasets, jobs, exports); rows born by the thousand
    take their id from a PostgreSQL sequence.
    """
    return (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
