"""Falsehoods made from real annotations: a claim that holds, and the same claim with one thing swapped.

What is swapped is chosen by the annotation alone, so that the false claim is false and the true one is true. The words
of people (captions, remarks, events) are used as they are, or set into a frame. Annotations of even places in their
file are for development, the others for the report; of our own phrasings each split has its own, too.
"""

import random
from collections.abc import Sequence

from bench.falsehoods.changes import swap_change, swap_object_in_remark, swap_side
from bench.falsehoods.events import swap_order, swap_time
from bench.falsehoods.images import (
    contradict_pair,
    name_absent_object,
    swap_colour,
    swap_count_in_line,
    swap_count_of_boxes,
    swap_object_in_caption,
    swap_position,
)
from bench.falsehoods.sources import Case, Maker, Split, read_source

__all__ = ["MAKERS", "Case", "Split", "choose_texts", "make_cases"]

MAKERS: dict[str, tuple[Maker, ...]] = {
    "coco": (
        swap_object_in_caption,
        name_absent_object,
        swap_count_in_line,
        swap_count_of_boxes,
        swap_colour,
        swap_position,
        contradict_pair,
    ),
    "spot_the_diff": (swap_object_in_remark, swap_change, swap_count_in_line, swap_colour, swap_side, contradict_pair),
    "activitynet": (swap_order, swap_time),
}
"""What is made of the annotations of each file."""


def choose_texts(texts: Sequence[str], split: Split) -> list[str]:
    """The annotations of a split."""
    return [text for place, text in enumerate(texts) if (place % 2 == 0) == (split == "development")]


def make_cases(dataset: str, texts: Sequence[str], split: Split, seed: int, most: int) -> list[Case]:
    """The cases of a split, at most so many of each maker, by the seed."""
    rng = random.Random(f"{seed}{dataset}{split}")
    chosen = choose_texts(texts, split)
    rng.shuffle(chosen)
    cases: list[Case] = []
    for make in MAKERS[dataset]:
        made: list[Case] = []
        for text in chosen:
            made += make(read_source(text), rng, split)
            if len(made) >= most:
                break
        cases += made[:most]
    return cases
