"""Items chosen by slice, sample and seed, and cut into shards."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.sharding import check_slice, choose_positions, cut_shards

_OPTIONAL = st.none() | st.integers(0, 300)


@given(st.integers(0, 200), _OPTIONAL, _OPTIONAL, _OPTIONAL, st.none() | st.integers(1, 300))
def test_positions_ascend_within_the_slice(
    total: int, start: int | None, end: int | None, seed: int | None, sample: int | None
) -> None:
    slice_ = {"start": start, "end": end, "seed": seed, "sample": sample}
    chosen = list(choose_positions(total, slice_))
    inside = [p for p in range(total) if p >= (start or 0) and (end is None or p < end)]
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(inside)
    assert len(chosen) == (len(inside) if sample is None else min(sample, len(inside)))
    assert list(choose_positions(total, slice_)) == chosen


def test_a_start_counts_without_an_end() -> None:
    assert list(choose_positions(5, {"start": 3})) == [3, 4]


def test_the_seed_decides_the_sample() -> None:
    assert choose_positions(1000, {"sample": 9, "seed": 1}) != choose_positions(1000, {"sample": 9, "seed": 2})


@given(st.lists(st.integers(0, 10_000), unique=True), st.integers(1, 50), st.integers(1, 9))
def test_shards_hold_each_position_once_in_order(positions: list[int], shard_items: int, workers: int) -> None:
    shards = cut_shards(positions, shard_items, workers)
    assert [position for shard in shards for position in shard] == positions
    assert all(0 < len(shard) <= shard_items for shard in shards)


def test_a_small_job_is_cut_so_that_every_worker_has_a_part() -> None:
    assert [len(shard) for shard in cut_shards(range(10), 200, 4)] == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("slice_", "pointers"),
    [
        ({}, []),
        ({"start": 3, "end": None}, []),
        ({"start": -1}, ["/slice/start"]),
        ({"start": 4, "end": 4}, ["/slice/end"]),
        ({"sample": 0}, ["/slice/sample"]),
        ({"seed": True}, ["/slice/seed"]),
        ({"stop": 1}, ["/slice/stop"]),
    ],
)
def test_a_slice_is_checked_field_by_field(slice_: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in check_slice(slice_)] == pointers
