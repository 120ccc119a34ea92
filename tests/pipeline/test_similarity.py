"""Nearest vectors: the blocks find what a plain sort finds, and the index nearly the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.neighbour_index import IndexedNeighbours, open_neighbours
from app.pipeline.similarity import (
    ExactNeighbours,
    Floats,
    Numbers,
    measure_recall,
    scale_to_unit,
)


def make_vectors(count: int, length: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, length)).astype(np.float32)


def sort_all(vectors: Floats, reach: int) -> Numbers:
    """The nearest others of each vector, by the plainest means."""
    unit = scale_to_unit(vectors)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    found = np.full((len(vectors), reach), -1, dtype=np.int64)
    width = min(reach, len(vectors) - 1)
    found[:, :width] = np.argsort(-scores, axis=1, kind="stable")[:, :width]
    return found


@given(st.integers(1, 150), st.integers(2, 5), st.integers(1, 40), st.integers(0, 9))
def test_exact_neighbours_are_those_of_a_plain_sort(count: int, length: int, reach: int, seed: int) -> None:
    vectors = make_vectors(count, length, seed)
    unit = scale_to_unit(vectors)
    found, wanted = ExactNeighbours(vectors).find(np.arange(count), reach), sort_all(vectors, reach)
    assert (found >= 0).tolist() == (wanted >= 0).tolist()
    rows = np.arange(count)[:, None]
    np.testing.assert_allclose(
        np.where(found >= 0, (unit[rows] * unit[found]).sum(axis=2), 0),
        np.where(wanted >= 0, (unit[rows] * unit[wanted]).sum(axis=2), 0),
        atol=1e-6,
    )
    assert not (found == rows).any()


def test_groups_of_columns_lose_no_neighbour() -> None:
    vectors = make_vectors(3000, 8, 1)
    assert ExactNeighbours(vectors).find(np.arange(3000), 10).tolist() == sort_all(vectors, 10).tolist()


def test_an_index_finds_nearly_all_of_them() -> None:
    vectors = make_vectors(3000, 16, 2)
    rows = np.arange(0, 3000, 7)
    found = IndexedNeighbours(vectors).find(rows, 10)
    assert measure_recall(found, sort_all(vectors, 10)[rows]) > 0.95
    assert not (found == rows[:, None]).any()


def test_one_vector_alone_has_no_neighbour() -> None:
    one = make_vectors(1, 4, 3)
    assert ExactNeighbours(one).find(np.arange(1), 3).tolist() == [[-1, -1, -1]]
    assert IndexedNeighbours(one).find(np.arange(1), 3).tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize(("bound", "name"), [(10, "exact"), (9, "index")])
def test_an_index_is_taken_beyond_the_bound(bound: int, name: str) -> None:
    assert open_neighbours(make_vectors(10, 4, 4), bound).name == name
