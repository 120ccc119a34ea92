"""Rate-limit headers in every spelling that endpoints use."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.pacing import RateSignal, parse_duration, read_rate_headers, read_retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1.5", 1.5),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400.0),
        ("250us", 0.00025),
        ("0s", 0.0),
        ("", None),
        ("soon", None),
        ("6m0", None),
        ("-3", None),
        ("nan", None),
        ("1" * 500, None),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float | None) -> None:
    read = parse_duration(text)
    assert read == (None if seconds is None else pytest.approx(seconds))


def test_all_six_openai_headers_are_read() -> None:
    signal = read_rate_headers(
        {
            "X-RateLimit-Limit-Requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        }
    )
    assert signal == RateSignal(60, 59, 1.0, 150000, 149984, 360.0)
    assert signal.says_something


def test_silence_is_told_from_a_signal() -> None:
    assert not read_rate_headers({"content-type": "application/json"}).says_something


def test_bare_headers_count_requests() -> None:
    signal = read_rate_headers({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7", "RateLimit-Reset": "30"})
    assert (signal.requests_limit, signal.requests_remaining, signal.requests_reset_s) == (100, 7, 30.0)
    assert signal.tokens_limit is None


@pytest.mark.parametrize(
    "value",
    [
        str(int((NOW + timedelta(seconds=30)).timestamp())),
        str(int((NOW + timedelta(seconds=30)).timestamp() * 1000)),
        "2026-03-01T12:00:30Z",
        format_datetime(NOW + timedelta(seconds=30), usegmt=True),
    ],
)
def test_a_reset_given_as_a_moment_becomes_a_span(value: str) -> None:
    assert read_rate_headers({"x-ratelimit-reset-requests": value}, NOW).requests_reset_s == pytest.approx(30.0)


def test_a_moment_is_measured_from_the_date_header_when_nobody_says_what_time_it_is() -> None:
    headers = {"date": format_datetime(NOW, usegmt=True), "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}
    assert read_rate_headers(headers).requests_reset_s == pytest.approx(9.0)
    del headers["date"]
    assert read_rate_headers(headers).requests_reset_s is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"Retry-After": "20ms"}, 0.02),
        ({"Retry-After-Ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"Retry-After": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0.0),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "later"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


_NAMES = st.sampled_from(
    [
        "x-ratelimit-reset-requests",
        "x-ratelimit-limit-tokens",
        "retry-after",
        "retry-after-ms",
        "date",
        "x-ratelimit-reset",
    ]
)


@given(st.dictionaries(_NAMES, st.text(max_size=80) | st.floats().map(str) | st.integers().map(str)))
def test_no_header_makes_the_reader_fail(headers: dict[str, str]) -> None:
    signal = read_rate_headers(headers, NOW)
    wait = read_retry_after(headers, NOW)
    assert wait is None or wait >= 0
    assert signal.requests_reset_s is None or signal.requests_reset_s >= 0
