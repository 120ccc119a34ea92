"""Choosing texts that differ from one another: greedy k-centre over their features, by a seed."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.text_features import Features, compare


@dataclass(frozen=True, slots=True)
class ChosenPlace:
    """A text that was chosen, by its place; its cluster counts from 0; a held-out one only measures."""

    place: int
    cluster: int
    is_held_out: bool


def choose_diverse(features: Sequence[Features], count: int, seed: int, given: Sequence[int] = ()) -> list[int]:
    """Places of at most `count` texts: those given, then always the one least like all that were chosen.

    The seed draws the first one where none is given, and decides between equals: the same seed, the same choice.
    """
    order = list(range(len(features)))
    random.Random(seed).shuffle(order)  # noqa: S311 - repeatable, not secret
    chosen = list(dict.fromkeys(given))
    if not chosen and count > 0:
        chosen = order[:1]
    postings = _index(features)
    nearest = [0.0] * len(features)
    for place in chosen:
        _move_nearer(nearest, postings, features[place])
    taken = set(chosen)
    left = [place for place in order if place not in taken]
    while left and len(chosen) < count:
        farthest = min(left, key=nearest.__getitem__)
        chosen.append(farthest)
        left.remove(farthest)
        _move_nearer(nearest, postings, features[farthest])
    return chosen


def assign_clusters(features: Sequence[Features], centres: Sequence[int]) -> list[int]:
    """For each text the number of the centre most like it, the first of equal ones; a centre is in its own."""
    own = {place: number for number, place in enumerate(centres)}
    clusters = []
    for place, vector in enumerate(features):
        likeness = [compare(vector, features[centre]) for centre in centres]
        clusters.append(own.get(place, max(range(len(centres)), key=likeness.__getitem__)))
    return clusters


def part_choice(
    features: Sequence[Features], chosen: Sequence[int], held_out: int, clusters: int, seed: int, by_hand: Sequence[int]
) -> list[ChosenPlace]:
    """Hold some of the chosen texts out, drawn by the seed, and cluster all around those that are not.

    A text that a person chose is held out only where there are too few others.
    """
    drawn_first = [place for place in chosen if place not in set(by_hand)]
    randomness = random.Random(seed)  # noqa: S311 - repeatable, not secret
    source = drawn_first if len(drawn_first) >= held_out else list(chosen)
    aside = set(randomness.sample(source, held_out))
    working = [place for place in chosen if place not in aside]
    local = [features[place] for place in [*working, *sorted(aside)]]
    centres = choose_diverse(local[: len(working)], min(clusters, len(working)), seed)
    numbers = assign_clusters(local, centres)
    found = dict(zip([*working, *sorted(aside)], numbers, strict=True))
    return [ChosenPlace(place, found[place], place in aside) for place in sorted(chosen)]


def _index(features: Sequence[Features]) -> dict[int, list[tuple[int, float]]]:
    """By term the texts that hold it, with its weight there."""
    postings: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for place, vector in enumerate(features):
        for term, weight in vector.items():
            postings[term].append((place, weight))
    return postings


def _move_nearer(nearest: list[float], postings: dict[int, list[tuple[int, float]]], centre: Features) -> None:
    """Note for each text how like it is to the centre most like it, now that there is one more."""
    likeness: dict[int, float] = defaultdict(float)
    for term, weight in centre.items():
        for place, other in postings[term]:
            likeness[place] += weight * other
    for place, cosine in likeness.items():
        nearest[place] = max(nearest[place], cosine)
