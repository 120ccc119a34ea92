"""Nearest vectors by an index, where there are too many to compare one with every other."""

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from app.pipeline.similarity import EXACT_UP_TO, ExactNeighbours, Floats, Neighbours, Numbers, scale_to_unit

_ADD_AT_ONCE = 20_000
_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION_SEARCH = 24, 128, 160


class IndexedNeighbours:
    """Those an HNSW index finds: almost always the nearest, in a time that hardly grows with their number."""

    name = "index"

    def __init__(self, vectors: NDArray[np.float16] | Floats) -> None:
        """vectors: (count, length), of any length but zero; read in blocks, so they may lie in a file."""
        self.count, length = vectors.shape
        self._vectors = vectors
        self._index = Index(
            ndim=length,
            metric="cos",
            dtype="f16",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
            enable_key_lookups=False,
        )
        for start in range(0, self.count, _ADD_AT_ONCE):
            block = vectors[start : start + _ADD_AT_ONCE]
            self._index.add(np.arange(start, start + len(block)), scale_to_unit(block))

    def find(self, rows: Numbers, reach: int) -> Numbers:
        found = np.full((len(rows), reach), -1, dtype=np.int64)
        wanted = min(reach + 1, self.count)
        matches = self._index.search(scale_to_unit(self._vectors[rows]), wanted)
        keys = np.atleast_2d(np.asarray(matches.keys)).astype(np.int64)
        counts = np.atleast_1d(np.asarray(getattr(matches, "counts", len(keys[0]))))
        for line, (row, listed) in enumerate(zip(rows, keys, strict=True)):
            others = [key for key in listed[: counts[line]] if key != row][:reach]
            found[line, : len(others)] = others
        return found


def open_neighbours(vectors: NDArray[np.float16] | Floats, exact_up_to: int = EXACT_UP_TO) -> Neighbours:
    """Exact ones as long as that is affordable, else an index."""
    return ExactNeighbours(vectors) if len(vectors) <= exact_up_to else IndexedNeighbours(vectors)
