"""Falsehoods about two pictures that differ, by remarks about the differences."""

import random
import re
from collections.abc import Iterator, Sequence

from bench.falsehoods.sources import Case, Source, Split, capitalise, frame_line, pick

_SIDE = re.compile(
    r"\b(?:(?:upper|lower|top|bottom|far) (left|right)|(?:on|to) the (left|right))\b"
    r"(?! (?:hand )?(?:side )?(?:image|picture|photo))"
)
_VANISHED = re.compile(
    r"(the (?:\w+ ){0,2}?(?:car|person|truck|man|suv|van|bus|woman)) is (?:gone|missing|no longer there)"
)
_APPEARED = re.compile(r"there is now (an? (?:\w+ ){0,2}?(?:car|person|truck|man|suv|van|bus|woman))(?: \w+.*)?")
_CHANGED = re.compile(
    r"the (?:\w+ )?(car|person|truck|man|suv|people|cars)"
    r" (?:(?:is|are) (?:gone|missing|no longer there)|(?:has |have )?moved)"
)
_GONE: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("{} is no longer there in the second picture.", "{} has appeared in the second picture."),
        ("{}, which was there at first, has disappeared by now.", "{} has newly arrived in the later image."),
    ),
    "reported": (
        ("{} has gone from the later shot.", "{} has come into the later shot."),
        ("{} can be seen in the first picture only.", "{} can be seen in the second picture only."),
    ),
}
_COME: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("In the second picture there is now {}.", "{} is missing from the second picture."),
        ("In the later picture one sees {} that has newly arrived.", "{} has vanished."),
    ),
    "reported": (
        ("What is new in the second image is {}.", "{} is absent from the second image."),
        ("The first picture lacks {}.", "{} is not there any more."),
    ),
}
_NOTHING: dict[Split, Sequence[str]] = {
    "development": (
        "Nothing has changed.",
        "The two pictures are identical.",
        "There are no differences between them.",
    ),
    "reported": ("I can spot no changes between the two.", "Both pictures show the same scene."),
}
_SAME = ("there are no differences", "no differences", "i see no differences")


def swap_side(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """A remark with the other side, where it is the only side that is told."""
    sides = re.findall(r"\b(?:left|right)\b", source.text.lower())
    for line in source.lines if len(sides) == 1 else ():
        match = _SIDE.search(line)
        if match is None or re.search(r"(?:image|picture|photo|one) on the", line):
            continue
        false = line.replace(sides[0], "right" if sides[0] == "left" else "left")
        yield Case("position", source.text, "What has changed?", *frame_line(line, split, false))


def swap_change(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """What vanished is said to have appeared, and the other way round; or nothing to have changed."""
    gone, come, nothing = pick(_GONE, split, rng), pick(_COME, split, rng), pick(_NOTHING, split, rng)
    question = "What has changed?"
    lines = [line.strip().lower() for line in source.lines]
    for line in lines:
        vanished, appeared = _VANISHED.fullmatch(line), _APPEARED.fullmatch(line)
        if vanished and _is_told_once(vanished[1], lines):
            said = gone[0].format(capitalise(vanished[1])), gone[1].format(capitalise(vanished[1]))
            yield Case("difference", source.text, question, said[0], said[1])
            yield Case("difference", source.text, question, gone[0].format(capitalise(vanished[1])), nothing)
        if appeared and _is_told_once(appeared[1], lines):
            said = come[0].format(appeared[1]), come[1].format(capitalise(appeared[1]))
            yield Case("difference", source.text, question, said[0], said[1])
    if len(lines) == 1 and lines[0] in _SAME:
        invented = gone[0].format("The " + rng.choice(("white car", "person", "truck")))
        yield Case("difference", source.text, question, nothing, invented)


def swap_object_in_remark(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """A remark about what vanished or moved, told of a thing that no remark names."""
    others = [name for name in ("dog", "bicycle", "umbrella", "horse", "bench") if name not in source.text]
    for line in source.lines:
        match = _CHANGED.fullmatch(line)
        if match is not None and others:
            false = line.replace(match[1], rng.choice(others))
            yield Case("object", source.text, "What has changed?", *frame_line(line, split, false))


def _is_told_once(phrase: str, lines: Sequence[str]) -> bool:
    """Whether the noun of a phrase, and what may be called so, stands in one place only."""
    if phrase.split()[-1] in ("person", "man", "woman"):
        words = r"person|people|man|woman|men|figure|individual|someone|pedestrians?|group|guy|lady"
    else:
        words = r"cars?|trucks?|suvs?|vans?|bus|vehicles?|sedan|jeep|pickup"
    return sum(len(re.findall(rf"\b(?:{words})\b", line)) for line in lines) == 1
