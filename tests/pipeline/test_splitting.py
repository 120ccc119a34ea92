"""Splits: whole groups, shares as near as they allow, the same lots wherever they are drawn."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.splitting import Groups, SplitPlan, assign_splits, draw

PLAN = SplitPlan(("train", "validation"), (0.9, 0.1), 1)


def lots_of(count: int, seed: int = 1) -> list[int]:
    return [draw(seed, f"IMG_{number}") for number in range(count)]


def test_the_shares_are_met() -> None:
    splits = assign_splits(Groups(1000), lots_of(1000), PLAN)
    assert (splits.count(0), splits.count(1)) == (900, 100)


def test_a_seed_draws_the_same_and_another_one_does_not() -> None:
    one, again = (assign_splits(Groups(100), lots_of(100), PLAN) for _ in range(2))
    other = assign_splits(Groups(100), lots_of(100, 2), PLAN)
    assert one == again != other


def test_no_item_changes_sides_when_others_are_added_but_at_the_border() -> None:
    small = assign_splits(Groups(900), lots_of(900), PLAN)
    large = assign_splits(Groups(1000), lots_of(1000), PLAN)
    assert sum(one != other for one, other in zip(small, large, strict=False)) < 20


@given(
    st.integers(1, 60).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=80)
        )
    )
)
def test_what_hangs_together_stays_together(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, links = case
    groups = Groups(count)
    for one, other in links:
        groups.join(one, other)
    splits = assign_splits(groups, lots_of(count), SplitPlan(("train", "validation", "test"), (0.6, 0.2, 0.2)))
    assert all(splits[one] == splits[other] for one, other in links)
    roots = {groups.find(item) for item in range(count)}
    assert len(set(splits)) == min(3, len(roots))


def test_a_chain_is_one_group() -> None:
    groups = Groups(50)
    for one, other in pairwise(range(50)):
        groups.join(other, one)
    assert {groups.find(item) for item in range(50)} == {0}


@pytest.mark.parametrize("count", [2, 3, 10])
def test_no_split_is_empty_where_there_are_enough_groups(count: int) -> None:
    assert set(assign_splits(Groups(count), lots_of(count), PLAN)) == {0, 1}
