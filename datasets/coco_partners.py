"""Finds for each image of COCO the one that is most like it, by what their annotations say.

An image has traits: each category in it, how many there are of it (1, 2, 3 to 5, more), the ninth of the frame in
which each of them stands, and the words of the captions. A trait weighs the more the fewer images have it: the
logarithm of all images over those with it. The likeness of two images is the weight of the traits they share over the
weight of all traits that either has: 0 for nothing in common, 1 for everything. The likest wins; among equals the
smaller id.

Images are not compared all with all. An image looks at those that share its rarest traits, 3,000 meetings in all, and
the 64 that share the most of that are compared in full: time grows with the number of images, not with its square.
"""

import heapq
import math
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from datasets.coco_file import check_image
from datasets.coco_images import Box, CocoImage
from datasets.coco_store import CocoStore
from datasets.record_values import RecordError, clip

MEETINGS = 3_000
COMPARED = 64

_WORD = re.compile(r"[a-z]{3,}")
_IDLE = (
    "the and are with for from has have his her its their that this these those there them they who which while was "
    "were into onto out off over under near next beside behind front top some one two other another each very all "
    "being been can also just about around across through between not but you what where when how "
    "image picture photo photograph view shown shows showing seen"
)
_IDLE_WORDS = frozenset(_IDLE.split())


def pair_images(store: CocoStore) -> Iterator[tuple[CocoImage, CocoImage] | RecordError]:
    """Each image of a store with its likest, in the order of the store; a pair of images comes once.

    An image of which the annotations say word for word the same is no partner: nothing would differ. What is wrong
    with single images comes first; one that shares nothing with any other is a RecordError `no_partner`.
    """
    finder = PartnerFinder()
    places: list[int] = []
    for place in range(len(store)):
        image, errors = check_image(store.get(place))
        yield from errors
        if image is not None:
            places.append(place)
            finder.add(image)
    paired: set[tuple[int, int]] = set()
    for number, place in enumerate(places):
        image = _get_good(store, place)
        ranked = ((other, _get_good(store, places[other])) for other in finder.rank(number))
        found = next(((other, partner) for other, partner in ranked if partner.sentences != image.sentences), None)
        if found is None:
            message = (
                "No other image has a category or a word in common with this one; there is none to compare it with."
            )
            yield RecordError(image.line, image.pointer, "no_partner", message, clip(image.source_id))
            continue
        other, partner = found
        pair = min(number, other), max(number, other)
        if pair not in paired:
            paired.add(pair)
            yield image, partner


def _get_good(store: CocoStore, place: int) -> CocoImage:
    image, _ = check_image(store.get(place))
    if image is None:
        raise ValueError(f"the image at {place} has no caption")
    return image


class PartnerFinder:
    """The traits of images, and which images have each; images are known by their place, from 0 in order.

    All images are added before the first is ranked.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._holders: list[array[int]] = []
        self._traits: list[array[int]] = []
        self._ids: list[str] = []
        self._weights: list[float] = []
        self._totals = array("d")

    def add(self, image: CocoImage) -> None:
        """Take the next image."""
        place = len(self._traits)
        numbers = sorted(self._numbers.setdefault(trait, len(self._numbers)) for trait in set(list_traits(image)))
        while len(self._holders) < len(self._numbers):
            self._holders.append(array("i"))
        for number in numbers:
            self._holders[number].append(place)
        self._traits.append(array("i", numbers))
        self._ids.append(image.source_id)

    def rank(self, place: int) -> list[int]:
        """The images most like the one at `place`, the likest first; empty where none shares anything with it."""
        if not self._weights:
            self._weigh()
        own = frozenset(self._traits[place])
        shared = self._meet(place)
        best = heapq.nlargest(COMPARED, shared, key=shared.__getitem__)
        likeness = {other: self._compare(own, place, other) for other in best}
        ranked = (other for other in best if likeness[other] > 0)
        return sorted(ranked, key=lambda other: (-likeness[other], len(self._ids[other]), self._ids[other]))

    def _weigh(self) -> None:
        """A trait that a single image has joins nothing and weighs nothing."""
        size = len(self._traits) + 1
        self._weights = [math.log(size / len(held)) if len(held) > 1 else 0.0 for held in self._holders]
        weight_of = self._weights.__getitem__
        self._totals = array("d", (math.fsum(map(weight_of, traits)) for traits in self._traits))

    def _meet(self, place: int) -> dict[int, float]:
        """Images that share the rarest traits, with the weight of what they share of those."""
        shared: dict[int, float] = {}
        find = shared.get
        left = MEETINGS
        traits = sorted((len(self._holders[number]), number) for number in self._traits[place])
        for count, number in traits:
            holders = self._holders[number]
            if count > left:
                start = max(0, min(bisect_left(holders, place) - left // 2, count - left))
                holders = holders[start : start + left]
            weight = self._weights[number]
            for other in holders:
                shared[other] = find(other, 0.0) + weight
            left -= len(holders)
            if left <= 0:
                break
        shared.pop(place, None)
        return shared

    def _compare(self, own: frozenset[int], place: int, other: int) -> float:
        common = math.fsum(map(self._weights.__getitem__, own.intersection(self._traits[other])))
        both = self._totals[place] + self._totals[other] - common
        return round(common / both, 9) if both > 0 else 0.0


def list_traits(image: CocoImage) -> Iterator[str]:
    """What an image is compared by, some of it more than once."""
    counts = Counter(box.category for box in image.boxes)
    for category, count in counts.items():
        yield f"has {category}"
        yield f"{_round_count(count)} {category}"
    width, height = image.size or _guess_size(image.boxes)
    for box in image.boxes:
        x, y, w, h = box.sides
        column, row = _third_of(x + w / 2, width), _third_of(y + h / 2, height)
        yield f"{box.category} at {column},{row}"
    for caption in image.captions:
        for word in _WORD.findall(caption.lower()):
            if word not in _IDLE_WORDS:
                yield f"says {word.removesuffix('s')}"


def _round_count(count: int) -> str:
    return str(count) if count < 3 else "some" if count < 6 else "many"


def _guess_size(boxes: tuple[Box, ...]) -> tuple[float, float]:
    """As far as the boxes reach; 1 and 1 for boxes in fractions of the frame."""
    right = max((x + w for x, _, w, _ in (box.sides for box in boxes)), default=1.0)
    bottom = max((y + h for _, y, _, h in (box.sides for box in boxes)), default=1.0)
    return max(right, 1.0), max(bottom, 1.0)


def _third_of(position: float, extent: float) -> int:
    return max(0, min(2, int(3 * position / extent)))
