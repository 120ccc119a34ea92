"""Which questions of very many are alike: MinHash finds what is to be looked at, the questions themselves decide.

Every question is cut into shingles. The minimum hashes of these are taken in bands, and two questions that have a band
in common are looked at. A question that is asked again in the same shingles needs no look: its digest tells.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from zlib import crc32

from rensa import RMinHash

from app.pipeline.filtering.shingles import shingle_text

HASHES = 126
FEWEST_SHINGLES = 3

_SEED = 7
_FEW = 32
_MOST_LEADERS = 20_000  # of a group: beyond that a question is compared with the first ones only
_ROUNDING = 1e-9

Marks = frozenset[int]
"""A question as the hashes of its shingles."""

Member = tuple[int, Marks]
"""A question by its digest."""

_Place = tuple[int, int, int]
"""Rank of a mark, marks of its question, place of that."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells a question: a digest of its shingles (64 bits), a key a band and a mark a shingle (32 bits each).

    marks: one after the other, signed, as this machine orders bytes
    """

    digest: int
    keys: list[int]
    marks: bytes


def choose_rows(similarity: float) -> int:
    """Hashes in a band: so many that questions of this likeness have one in common in 99 of 100 cases or more."""
    if similarity >= 0.75:
        return 6
    return 4 if similarity >= 0.6 else 3


def count_bands(rows: int) -> int:
    """How many keys a signature has."""
    return HASHES // rows


def sign_texts(texts: Sequence[str], rows: int) -> list[Signature | None]:
    """A signature for each question; None where it has too few words to tell it from others."""
    cut = [[each if isinstance(each, str) else " ".join(each) for each in shingle_text(text)] for text in texts]
    return [
        _sign(shingles, hashes, rows) if len(shingles) >= FEWEST_SHINGLES else None
        for shingles, hashes in zip(cut, RMinHash.hash_token_sets(cut), strict=True)
    ]


class Leaders:
    """Questions of a group that are like none before them, and a way to those that a question may be like.

    Two sets that have a share of `similarity` in common have one of their first marks in common, whatever order the
    marks are put in, as long as it is one order; and behind the first common one there is room for all others. With the
    seldom marks first, few questions are looked at.
    """

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._members: list[Member] = []
        self._packed: list[tuple[int, bytes]] = []  # instead of those, of a large group: in a fraction of the memory
        self._counts: Mapping[int, int] = {}
        self._places: dict[int, _Place | dict[tuple[int, int], list[int]]] = {}

    def prepare(self, members: Iterable[Member]) -> None:
        """Learn from the first members of a large group which marks are seldom; once."""
        if not self._counts:
            self._counts = Counter(mark for _, marks in members for mark in marks)

    def take(self, digest: int, marks: Marks) -> tuple[int, float] | None:
        """The digest of the first one that this question is like, and how much; where there is none, it is one."""
        first = self._list_first(marks) if self._counts else []
        size, similarity = len(marks), self._similarity
        for other, others in self._list_near(size, first) if first else self._members:
            most = len(others)
            if (size if size < most else most) < similarity * (most if size < most else size) - _ROUNDING:
                continue
            common = len(marks & others)
            likeness = common / (size + most - common)
            if likeness >= similarity:
                return other, likeness
        if first:
            self._add_packed(digest, marks, first)
        else:
            self._members.append((digest, marks))
        return None

    def _add_packed(self, digest: int, marks: Marks, first: Sequence[int]) -> None:
        place, size = len(self._packed), len(marks)
        if place >= _MOST_LEADERS:
            return
        for rank, mark in enumerate(first):
            known = self._places.get(mark)
            if known is None:  # so it stays with most marks: they are seldom
                self._places[mark] = (rank, size, place)
                continue
            if isinstance(known, tuple):
                known = self._places[mark] = {known[:2]: [known[2]]}
            known.setdefault((rank, size), []).append(place)
        self._packed.append((digest, array("i", marks).tobytes()))

    def _list_near(self, size: int, first: Sequence[int]) -> Iterable[Member]:
        near = set[int]()
        share = self._similarity / (1 + self._similarity)
        for rank, mark in enumerate(first):
            known = self._places.get(mark, {})
            classes = (((known[0], known[1]), (known[2],)),) if isinstance(known, tuple) else known.items()
            for (other_rank, other_size), places in classes:
                room = min(size - rank, other_size - other_rank)
                if room >= share * (size + other_size) - _ROUNDING:
                    near.update(places)
        for place in sorted(near):
            digest, packed = self._packed[place]
            yield digest, frozenset(array("i", packed))

    def _list_first(self, marks: Marks) -> list[int]:
        """The first marks, each with its count in the upper half of one number: those sort fast."""
        most = len(marks) - ceil(self._similarity * len(marks) - _ROUNDING) + 1
        count = self._counts.get
        return sorted([count(mark, 0) << 32 | mark & 0xFFFFFFFF for mark in marks])[:most]


def find_alike(members: Sequence[Member], leaders: Leaders) -> list[tuple[int, int, float]]:
    """Of questions, in order: (earlier, later, likeness) of each that is like an earlier one.

    leaders: those of earlier members that were like none before; new ones are added
    """
    if len(members) > _FEW:
        leaders.prepare(members)
    alike = []
    for digest, marks in members:
        near = leaders.take(digest, marks)
        if near is not None:
            alike.append((near[0], digest, near[1]))
    return alike


def _sign(shingles: Sequence[str], hashes: Sequence[int], rows: int) -> Signature:
    minhash = RMinHash(num_perm=HASHES, seed=_SEED)
    minhash.update(shingles)
    lowest = array("I", minhash.digest()).tobytes()
    width = rows * 4
    keys = [crc32(lowest[start : start + width], start) for start in range(0, len(lowest) - width + 1, width)]
    digest = blake2b(array("Q", sorted(hashes)).tobytes(), digest_size=8).digest()
    marks = array("I", [each & 0xFFFFFFFF for each in hashes]).tobytes()
    return Signature(int.from_bytes(digest, "big", signed=True), _to_signed(keys), marks)


def _to_signed(numbers: Sequence[int]) -> list[int]:
    """Numbers of 32 bits as PostgreSQL's `int` has them."""
    return array("i", array("I", numbers).tobytes()).tolist()
