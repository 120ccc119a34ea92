"""Differences say what changed, and both texts can be read back from them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.diffing import diff_texts


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (
            "The user (you) walks.",
            "You walk.",
            [
                ("delete", "The"), ("insert", "You"), ("equal", " "), ("delete", "user (you) walks"),
                ("insert", "walk"), ("equal", "."),
            ],
        ),
        ("A  dog.", "A dog.", [("equal", "A"), ("delete", "  "), ("insert", " "), ("equal", "dog.")]),
        ("A dog.", "A dog.", [("equal", "A dog.")]),
        ("", "A dog.", [("insert", "A dog.")]),
        ("A dog.", "", [("delete", "A dog.")]),
        ("A red dog runs.", "A dog runs.", [("equal", "A "), ("delete", "red "), ("equal", "dog runs.")]),
        ("", "", []),
    ],
)  # fmt: skip
def test_a_difference_is_told_in_steps(before: str, after: str, steps: list[tuple[str, str]]) -> None:
    found = [(step["op"], step["text"]) for step in diff_texts(before, after)]
    assert found == steps


@given(st.text(alphabet="ab .,\n", max_size=60), st.text(alphabet="ab .,\n", max_size=60))
def test_both_texts_can_be_read_back(before: str, after: str) -> None:
    found = [(step["op"], step["text"]) for step in diff_texts(before, after)]
    assert _read(found) == (before, after)
    assert all(one[0] != other[0] for one, other in pairwise(found))


def test_long_texts_with_nothing_in_common_are_told_as_a_whole() -> None:
    before, after = "ship " * 2000, "boat " * 2000
    found = [(step["op"], step["text"]) for step in diff_texts(before + "end", after + "end")]
    assert _read(found) == (before + "end", after + "end")
    assert len(found) <= 4


def _read(steps: list[tuple[str, str]]) -> tuple[str, str]:
    return (
        "".join(text for op, text in steps if op != "insert"),
        "".join(text for op, text in steps if op != "delete"),
    )
