"""What can be learned of a limit from what answers say about it."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.rate_learning import RateLearner


def _bucket_answers(limit: int, span_s: float, most_used: float) -> list[tuple[int, int, float]]:
    """Headers of a bucket that slowly empties: what is left rounded down, the reset up to milliseconds."""
    answers = []
    for step in range(1, 60):
        used = most_used * step / 59
        answers.append((limit, int(limit - used), math.ceil(used / limit * span_s * 1000) / 1000))
    return answers


def _window_answers(limit: int, span_s: float, windows: int) -> list[tuple[int, int, float]]:
    """Headers of a window that is used evenly; the reset counts down whatever is used."""
    moments = [index / 40 for index in range(1, 40 * windows)]
    return [
        (limit, int(limit - 0.9 * limit * (moment % 1.0)), math.ceil((1 - moment % 1.0) * span_s * 1000) / 1000)
        for moment in moments
    ]


@pytest.mark.parametrize(("limit", "span_s"), [(60, 1.0), (500, 1.0), (3600, 60.0), (10_000, 60.0)])
def test_a_bucket_is_recognised_long_before_it_is_empty(limit: int, span_s: float) -> None:
    learner = RateLearner()
    for answer in _bucket_answers(limit, span_s, most_used=limit / 4):
        learner.observe(*answer)
    assert learner.is_bucket
    assert learner.rate_per_s == pytest.approx(limit / span_s, rel=0.06)


@pytest.mark.parametrize(("limit", "span_s"), [(60, 1.0), (500, 1.0), (3600, 60.0)])
def test_a_window_is_recognised_by_a_reset_that_ignores_the_use(limit: int, span_s: float) -> None:
    learner = RateLearner()
    for answer in _window_answers(limit, span_s, windows=2):
        learner.observe(*answer)
    assert learner.is_window
    assert learner.rate_per_s == pytest.approx(limit / span_s, rel=0.06)


def test_the_span_of_a_window_that_is_used_up_early_comes_from_its_ends() -> None:
    learner = RateLearner()
    answers = [
        (60, 60 - used, 1.0 - place, window + place + 0.01 * (used % 3))
        for window in range(3)
        for used, place in ((20, 0.3), (35, 0.45), (50, 0.6), (60, 0.7))
    ]
    for answer in answers:
        learner.observe(*answer)
    assert learner.is_window
    assert learner.longest_reset_s == pytest.approx(0.7)
    assert learner.rate_per_s == pytest.approx(60, rel=0.02)


def test_windows_without_an_answer_are_not_taken_for_long_ones() -> None:
    learner = RateLearner()
    for window in (0, 1, 2, 9, 10):
        for used, place in ((20, 0.1), (50, 0.6)):
            learner.observe(60, 60 - used, 1.0 - place, window + place)
    assert learner.rate_per_s == pytest.approx(60, rel=0.02)


def test_a_single_answer_teaches_no_rate() -> None:
    learner = RateLearner()
    learner.observe(60, 52, 0.134)
    assert learner.rate_per_s is None


def test_another_limit_starts_the_learning_over() -> None:
    learner = RateLearner()
    for answer in _bucket_answers(60, 1.0, most_used=30):
        learner.observe(*answer)
    learner.observe(120, 119, 0.009)
    assert learner.rate_per_s is None


def test_the_order_of_answers_does_not_matter() -> None:
    answers = _bucket_answers(60, 1.0, most_used=30)
    learned = []
    for seed in range(3):
        learner = RateLearner()
        for answer in random.Random(seed).sample(answers, len(answers)):
            learner.observe(*answer)
        learned.append(learner.rate_per_s)
    assert len(set(learned)) == 1


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-5, 10**9),
            st.none() | st.integers(-5, 10**9),
            st.none() | st.floats(-5, 1e9, allow_nan=False),
        ),
        max_size=30,
    )
)
def test_absurd_headers_never_break_it_and_a_rate_is_positive(
    answers: list[tuple[int | None, int | None, float | None]],
) -> None:
    learner = RateLearner()
    for answer in answers:
        learner.observe(*answer)
    assert learner.rate_per_s is None or learner.rate_per_s > 0
