"""Choosing texts that differ from one another: greedy k-centre over how alike they read, by a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.selecting.likeness import Likeness


@dataclass(frozen=True, slots=True)
class ChosenPlace:
    """A text that was chosen, by its place; its cluster counts from 0; a held-out one only measures."""

    place: int
    cluster: int
    is_held_out: bool


def choose_diverse(
    likeness: Likeness, among: Sequence[int], count: int, seed: int, given: Sequence[int] = ()
) -> list[int]:
    """At most `count` places: those given, then always the one (`among` these) least like all that were chosen.

    The seed draws the first one where none is given, and decides between equals: the same seed, the same choice.
    """
    order = list(among)
    random.Random(seed).shuffle(order)  # noqa: S311 - repeatable, not secret
    chosen = list(dict.fromkeys(given))
    if not chosen and count > 0:
        chosen = order[:1]
    taken = set(chosen)
    left = [place for place in order if place not in taken]
    nearest = dict.fromkeys(left, 0.0)
    for place in chosen:
        _move_nearer(nearest, likeness, place)
    while left and len(chosen) < count:
        farthest = min(left, key=nearest.__getitem__)
        chosen.append(farthest)
        left.remove(farthest)
        _move_nearer(nearest, likeness, farthest)
    return chosen


def assign_clusters(likeness: Likeness, places: Sequence[int], centres: Sequence[int]) -> dict[int, int]:
    """By place the number of the centre most like it, the first of equal ones; a centre is in its own."""
    rows = [likeness.score_place(centre) for centre in centres]
    own = {place: number for number, place in enumerate(centres)}
    return {place: own.get(place, max(range(len(centres)), key=lambda number: rows[number][place])) for place in places}


def part_choice(
    likeness: Likeness, chosen: Sequence[int], held_out: int, clusters: int, seed: int, by_hand: Sequence[int]
) -> list[ChosenPlace]:
    """Hold some of the chosen texts out, drawn by the seed, and cluster all around those that are not.

    A text that a person chose is held out only where there are too few others.
    """
    drawn_first = [place for place in chosen if place not in set(by_hand)]
    source = drawn_first if len(drawn_first) >= held_out else list(chosen)
    aside = set(random.Random(seed).sample(source, held_out))  # noqa: S311 - repeatable, not secret
    working = [place for place in chosen if place not in aside]
    centres = choose_diverse(likeness, working, min(clusters, len(working)), seed)
    numbers = assign_clusters(likeness, chosen, centres)
    return [ChosenPlace(place, numbers[place], place in aside) for place in sorted(chosen)]


def _move_nearer(nearest: dict[int, float], likeness: Likeness, centre: int) -> None:
    """Note for each place how like it is to the centre most like it, now that there is one more."""
    scores = likeness.score_place(centre)
    for place, score in nearest.items():
        if scores[place] > score:
            nearest[place] = scores[place]
