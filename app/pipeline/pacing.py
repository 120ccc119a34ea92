"""What an endpoint says about its rate limits, read from headers into plain numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_LONGEST_VALUE = 64  # a header value beyond this is no number and no date
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|ms|s|m|h|d)")
_EPOCH_S = 1_000_000_000.0  # a "reset" this large is a moment, not a span (31 years)
_EPOCH_MS = 100_000_000_000.0
_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-")


@dataclass(frozen=True, slots=True)
class RateSignal:
    """Limits as one answer stated them; None where it said nothing readable.

    limit / remaining count requests or tokens of the endpoint's window; reset_s is in how many seconds
    the remaining count is whole again.
    """

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset_s: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset_s: float | None = None

    @property
    def says_something(self) -> bool:
        """Whether any header was there: without one the pacer has to feel its way."""
        return self != _SILENCE


_SILENCE = RateSignal()


def read_rate_headers(headers: Mapping[str, str], now: datetime | None = None) -> RateSignal:
    """The rate limits in an answer's headers (names in any case).

    `now` is needed only for resets given as a moment (epoch seconds or milliseconds, RFC 3339); without it
    the answer's own Date header is taken, and without that such a reset is unknown. Never raises.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    moment = now or _parse_http_date(lowered.get("date", ""))
    return RateSignal(
        requests_limit=_read_count(lowered, "limit", "requests"),
        requests_remaining=_read_count(lowered, "remaining", "requests"),
        requests_reset_s=_read_reset(lowered, "requests", moment),
        tokens_limit=_read_count(lowered, "limit", "tokens"),
        tokens_remaining=_read_count(lowered, "remaining", "tokens"),
        tokens_reset_s=_read_reset(lowered, "tokens", moment),
    )


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait as the endpoint asked (`retry-after-ms`, else `Retry-After` as seconds or HTTP date).

    A moment that has passed is 0.0. None where nothing readable was said. Never raises.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    milliseconds = _parse_number(lowered.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = lowered.get("retry-after", "").strip()
    seconds = _parse_number(value)
    if seconds is None:
        seconds = parse_duration(value)
    if seconds is not None:
        return max(0.0, seconds)
    date = _parse_http_date(value)
    return None if date is None else max(0.0, (date - now).total_seconds())


def parse_duration(text: str) -> float | None:
    """Seconds of a span written as `6m0s`, `20ms`, `1h2m3.5s` or a plain number of seconds; None for anything else."""
    text = text.strip()
    if not text or len(text) > _LONGEST_VALUE:
        return None
    plain = _parse_number(text)
    if plain is not None:
        return plain if plain >= 0 else None
    seconds, position = 0.0, 0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            return None
        seconds += float(part.group(1)) * _UNIT_SECONDS[part.group(2)]
        position = part.end()
    return seconds


def _read_count(lowered: Mapping[str, str], what: str, unit: str) -> int | None:
    for value in _values(lowered, what, unit):
        number = _parse_number(value.split(",", 1)[0].split(";", 1)[0])
        if number is not None:
            return max(0, int(number))
    return None


def _read_reset(lowered: Mapping[str, str], unit: str, moment: datetime | None) -> float | None:
    for value in _values(lowered, "reset", unit):
        seconds = parse_duration(value)
        if seconds is not None and seconds < _EPOCH_S:
            return seconds
        until = _parse_instant(value) if seconds is None else _from_epoch(seconds)
        if until is not None and moment is not None:
            return max(0.0, (until - moment).total_seconds())
    return None


def _values(lowered: Mapping[str, str], what: str, unit: str) -> list[str]:
    """Every header that may speak of it, the most exact spelling first; a bare one counts requests."""
    names = [f"{prefix}{what}-{unit}" for prefix in _PREFIXES] + [f"{prefix}{unit}-{what}" for prefix in _PREFIXES]
    if unit == "requests":
        names += [f"{prefix}{what}" for prefix in _PREFIXES]
    return [lowered[name] for name in names if name in lowered]


def _parse_number(text: str) -> float | None:
    text = text.strip()
    if not text or len(text) > _LONGEST_VALUE:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _from_epoch(number: float) -> datetime | None:
    seconds = number / 1000 if number >= _EPOCH_MS else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _parse_instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text.strip()[:_LONGEST_VALUE])
    except ValueError:
        return _parse_http_date(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _parse_http_date(text: str) -> datetime | None:
    if not text or len(text) > _LONGEST_VALUE:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
