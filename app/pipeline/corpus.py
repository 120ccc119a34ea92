"""All pairs of a job as columns, and the rules that relate the most similar of them.

A unit is what has a vector: a text, or the images of an item. Several pairs may share one.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, sha256

import numpy as np
from numpy.typing import NDArray

from app.pipeline.similarity import Neighbours, Numbers

MOST_SIMILAR = 10
TEXT_CHARS = 4000

_FIRST_REACH = 32
_FARTHER = 4
_FARTHEST_REACH = 2048


def embedded_text(instruction: str) -> str:
    """The text whose vector stands for an instruction: single spaces, and cut where no model reads on."""
    return " ".join(instruction.split())[:TEXT_CHARS]


def digest_text(text: str) -> bytes:
    """What a vector is kept under."""
    return sha256(text.encode()).digest()


def identify_text(instruction: str) -> int:
    """The same 63-bit number for instructions that differ in nothing but case and white space."""
    return _number(embedded_text(instruction).casefold())


def identify_image(image_id: str) -> int:
    """A 63-bit number for an image id."""
    return _number(image_id)


@dataclass(frozen=True, slots=True)
class CorpusPair:
    """A pair and what its item shows; rows come in the order of items and ordinals.

    image_set: the hash of the item's image ids, None without images
    """

    pair_id: int
    item_id: int
    ordinal: int
    instruction: str
    image_ids: Sequence[str]
    image_set: int | None


class CorpusBuilder:
    """Collects pairs into columns, 40 bytes or so each."""

    def __init__(self) -> None:
        self._columns = {name: array(code) for name, code in _COLUMNS.items()}
        self._starts = array("q", [0])
        self._images = array("q")
        self._last_item = -1

    def add(self, pairs: Iterable[CorpusPair]) -> None:
        columns = self._columns
        for pair in pairs:
            if pair.item_id != self._last_item:
                self._last_item = pair.item_id
                self._images.extend(identify_image(image_id) for image_id in pair.image_ids)
                self._starts.append(len(self._images))
            columns["pair_ids"].append(pair.pair_id)
            columns["items"].append(len(self._starts) - 2)
            columns["ordinals"].append(pair.ordinal)
            columns["texts"].append(identify_text(pair.instruction))
            columns["image_sets"].append(-1 if pair.image_set is None else pair.image_set)
            columns["has_images"].append(pair.image_set is not None)

    def build(self) -> "Corpus":
        """The corpus, its units still unknown."""
        columns = {name: np.frombuffer(column, dtype=column.typecode) for name, column in self._columns.items()}
        count = len(columns["pair_ids"])
        return Corpus(
            **columns,
            units=np.full(count, -1, dtype=np.int64),
            image_starts=np.frombuffer(self._starts, dtype="q"),
            images=np.frombuffer(self._images, dtype="q"),
        )


@dataclass(frozen=True)
class Corpus:
    """Columns over pairs (pair_ids … units, -1 = no vector) and over items (image_starts into images)."""

    pair_ids: NDArray[np.int64]
    items: NDArray[np.int32]
    ordinals: NDArray[np.int16]
    texts: NDArray[np.int64]
    image_sets: NDArray[np.int64]
    has_images: NDArray[np.int8]
    units: NDArray[np.int64]
    image_starts: NDArray[np.int64]
    images: NDArray[np.int64]

    @cached_property
    def unit_order(self) -> Numbers:
        """Places of pairs, by unit; those without a unit first."""
        return np.argsort(self.units, kind="stable").astype(np.int64)

    @cached_property
    def unit_starts(self) -> Numbers:
        """Where in `unit_order` each unit begins, and where the last one ends."""
        last = int(self.units.max()) + 1 if len(self.units) else 0
        return np.searchsorted(self.units[self.unit_order], np.arange(last + 1)).astype(np.int64)

    def places_of(self, unit: int) -> list[int]:
        """The pairs of a unit, by place."""
        starts = self.unit_starts
        return [int(place) for place in self.unit_order[starts[unit] : starts[unit + 1]]]

    def images_of(self, place: int) -> frozenset[int]:
        item = self.items[place]
        return frozenset(self.images[self.image_starts[item] : self.image_starts[item + 1]].tolist())


class Relator:
    """Relates pairs to the most similar ones, unit by unit."""

    def __init__(self, corpus: Corpus, neighbours: Neighbours, rule: str, most: int = MOST_SIMILAR) -> None:
        self._corpus = corpus
        self._neighbours = neighbours
        self._choose = {"similar_texts": _choose_by_text, "similar_images": _choose_by_image}[rule]
        self._most = most

    def relate(self, units: Numbers) -> dict[int, list[int]]:
        """By pair id of the units' pairs, the ids of related pairs, most similar first, at most `most` of them.

        Where the nearest are all of the own item or images, one looks farther, up to 2,048 units out.
        """
        related: dict[int, list[int]] = {}
        farthest = max(1, min(_FARTHEST_REACH, self._neighbours.count - 1))
        reach = min(_FIRST_REACH, farthest)
        while len(units):
            lacking = []
            for unit, listed in zip(units.tolist(), self._neighbours.find(units, reach).tolist(), strict=True):
                near = [other for other in listed if other >= 0]
                chosen = {place: self._relate_pair(place, near) for place in self._corpus.places_of(unit)}
                if min(map(len, chosen.values()), default=self._most) < self._most and reach < farthest:
                    lacking.append(unit)
                else:
                    related |= {int(self._corpus.pair_ids[place]): found for place, found in chosen.items()}
            units = np.array(lacking, dtype=np.int64)
            reach = min(reach * _FARTHER, farthest)
        return related

    def _relate_pair(self, place: int, near: Sequence[int]) -> list[int]:
        corpus = self._corpus
        own_item, own_images = corpus.items[place], corpus.images_of(place)
        seen_texts = {int(corpus.texts[place])}
        found: list[int] = []
        for unit in near:
            for other in self._choose(corpus, place, unit):
                text = int(corpus.texts[other])
                if text in seen_texts or corpus.items[other] == own_item or own_images & corpus.images_of(other):
                    continue
                seen_texts.add(text)
                found.append(int(corpus.pair_ids[other]))
                break
            if len(found) == self._most:
                break
        return found


def _choose_by_text(corpus: Corpus, place: int, unit: int) -> Iterator[int]:
    """The pairs with a text, beginning with another one for each pair that asks: one text's links spread."""
    first, last = corpus.unit_starts[unit], corpus.unit_starts[unit + 1]
    for step in range(last - first):
        yield int(corpus.unit_order[first + (place + step) % (last - first)])


def _choose_by_image(corpus: Corpus, place: int, unit: int) -> Iterable[int]:
    """The pairs about an image, beginning with those at the same place among their item's."""
    ordinal = int(corpus.ordinals[place])
    return sorted(corpus.places_of(unit), key=lambda other: (abs(int(corpus.ordinals[other]) - ordinal), other))


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


_COLUMNS = {"pair_ids": "q", "items": "i", "ordinals": "h", "texts": "q", "image_sets": "q", "has_images": "b"}
