"""Sets of very many names in memory that does not grow with them.

Names are kept as 64-bit hashes in buckets; a bucket that fills goes to a temporary file. Buckets are compared one by
one, so no more than a share of the names is ever held at once.
"""

from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Self

BUCKETS = 64
BUCKET_ROOM = 4096
HASHES_KEPT = 1000

Hashes = set[int]


class NameSets:
    """A context manager: the hashes of many names, by bucket, repeated ones included."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._held = [array("q") for _ in range(BUCKETS)]
        self._blocks: list[list[int]] = [[] for _ in range(BUCKETS)]
        self._file: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, name: str) -> None:
        number = hash(name)
        held = self._held[number % BUCKETS]
        held.append(number)
        if len(held) >= BUCKET_ROOM:
            self._put_away(number % BUCKETS)

    def has(self, name: str) -> bool:
        """Whether a name is here; for the few that are asked for."""
        number = hash(name)
        return number in self.read(number % BUCKETS)

    def read(self, bucket: int) -> "array[int]":
        """All hashes of a bucket."""
        hashes = array("q")
        if self._file is not None:
            for start in self._blocks[bucket]:
                self._file.seek(start)
                hashes.frombytes(self._file.read(BUCKET_ROOM * hashes.itemsize))
        hashes.extend(self._held[bucket])
        return hashes

    def _put_away(self, bucket: int) -> None:
        if self._file is None:
            self._file = self._open.enter_context(TemporaryFile())  # noqa: SIM115  # closed by the stack
        block = self._held[bucket].tobytes()
        self._file.seek(self._end)
        self._file.write(block)
        self._blocks[bucket].append(self._end)
        self._end += len(block)
        del self._held[bucket][:]


def find_repeated(names: NameSets) -> Hashes:
    """Hashes that occur twice, the first of them."""
    return _gather(lambda bucket: _repeated(names.read(bucket)))


def find_strange(names: NameSets, known: NameSets) -> Hashes:
    """Hashes of `names` that `known` has not, the first of them."""
    return _gather(lambda bucket: set(names.read(bucket)) - set(known.read(bucket)))


def find_shared(one: NameSets, other: NameSets) -> Hashes:
    """Hashes that both have, the first of them."""
    return _gather(lambda bucket: set(one.read(bucket)) & set(other.read(bucket)))


def _gather(find: Callable[[int], Iterator[int] | Hashes]) -> Hashes:
    found: Hashes = set()
    for bucket in range(BUCKETS):
        for number in find(bucket):
            found.add(number)
            if len(found) >= HASHES_KEPT:
                return found
    return found


def _repeated(hashes: "array[int]") -> Iterator[int]:
    seen: Hashes = set()
    for number in hashes:
        if number in seen:
            yield number
        seen.add(number)
