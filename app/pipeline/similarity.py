"""Nearest vectors by cosine, compared one with every other in blocks of bounded memory."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

EXACT_UP_TO = 180_000
"""Vectors that are compared one with every other; above it the time, which grows with the square, goes to an index."""

_GROUP = 32
_READ_AT_ONCE = 20_000
_BLOCK_SCORES = 2**25  # of float32: 128 MB
_SMALLEST = 1e-12


class Neighbours(Protocol):
    """Finds the vectors most like given ones."""

    name: str
    count: int

    def find(self, rows: Numbers, reach: int) -> Numbers:
        """For each row the numbers of the `reach` nearest other vectors, nearest first, filled up with -1."""
        ...


class ExactNeighbours:
    """Every vector against every other."""

    name = "exact"

    def __init__(self, vectors: NDArray[np.float16] | Floats) -> None:
        """vectors: (count, length), of any length but zero."""
        self.count, length = vectors.shape
        padded = -(-max(1, self.count) // _GROUP) * _GROUP
        self._vectors = np.zeros((padded, length), dtype=np.float32)
        for start in range(0, self.count, _READ_AT_ONCE):
            block = slice(start, min(start + _READ_AT_ONCE, self.count))
            self._vectors[block] = scale_to_unit(vectors[block])

    def find(self, rows: Numbers, reach: int) -> Numbers:
        found = np.full((len(rows), reach), -1, dtype=np.int64)
        height = max(1, _BLOCK_SCORES // len(self._vectors))
        width = min(reach, self.count - 1)
        if width <= 0:
            return found
        for start in range(0, len(rows), height):
            block = rows[start : start + height]
            scores = self._vectors[block] @ self._vectors.T
            scores[:, self.count :] = -np.inf
            scores[np.arange(len(block)), block] = -np.inf
            found[start : start + height, :width] = _pick_best(scores, width)
        return found


def scale_to_unit(vectors: NDArray[np.float16] | Floats) -> Floats:
    """Each vector with length one; one of length zero stays as it is."""
    wide = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.maximum(lengths, _SMALLEST), dtype=np.float32)


def measure_recall(found: Numbers, exact: Numbers) -> float:
    """The share of the exact neighbours that were found, over all rows."""
    hits = sum(len(set(one.tolist()) & set(other.tolist()) - {-1}) for one, other in zip(found, exact, strict=True))
    return hits / max(1, int((exact >= 0).sum()))


def iterate_blocks(total: int, size: int) -> Iterator[Numbers]:
    """The numbers below `total`, `size` at a time."""
    for start in range(0, total, size):
        yield np.arange(start, min(start + size, total), dtype=np.int64)


def _pick_best(scores: Floats, width: int) -> Numbers:
    """The columns of the best scores of each row, best first; of equal ones the first column comes first.

    The best columns lie in the groups with the best maxima, so that only those are sorted.
    """
    rows, columns = scores.shape
    groups = columns // _GROUP
    if width >= groups:
        candidates = np.broadcast_to(np.arange(columns), scores.shape)
        values = scores
    else:
        maxima = scores.reshape(rows, groups, _GROUP).max(axis=2)
        best = np.sort(np.argpartition(maxima, groups - width, axis=1)[:, groups - width :], axis=1)
        candidates = (best[:, :, None] * _GROUP + np.arange(_GROUP)).reshape(rows, -1)
        values = np.take_along_axis(scores, candidates, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :width]
    return np.asarray(np.take_along_axis(candidates, order, axis=1), dtype=np.int64)
