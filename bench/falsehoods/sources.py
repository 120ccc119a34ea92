"""Annotations taken apart, and the cases that are made of them."""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Split = Literal["development", "reported"]
Phrasing = TypeVar("Phrasing")
BoxSides = tuple[str, float, float, float, float]

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_BOX = re.compile(r"(.+): \[([-\d.e]+), ([-\d.e]+), ([-\d.e]+), ([-\d.e]+)\]")
_PLURAL = {"person": "people", "sheep": "sheep", "knife": "knives"}


@dataclass(frozen=True, slots=True)
class Source:
    """An annotation: its text as the model gets it, and the lines, boxes or events of it."""

    text: str
    lines: tuple[str, ...] = ()
    boxes: tuple[BoxSides, ...] = ()
    events: tuple[tuple[float, float, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The category of each box."""
        return [box[0] for box in self.boxes]

    def without(self, place: int) -> str:
        """The annotation without one of its lines."""
        left = [line for number, line in enumerate(self.lines) if number != place]
        return "\n".join([*left, *(f"{n}: [{x:g}, {y:g}, {w:g}, {h:g}]" for n, x, y, w, h in self.boxes)])


@dataclass(frozen=True, slots=True)
class Case:
    """A claim that holds and one that does not, each in an answer to a question about an annotation.

    false_question: the question of the false one, where what is swapped stands in the question
    earlier: a pair (question, response) that stands before it in the same reply
    """

    claim_class: str
    annotation: str
    question: str
    true: str
    false: str
    false_question: str = ""
    earlier: tuple[str, str] | None = None


Maker = Callable[[Source, random.Random, Split], Iterator[Case]]


def read_source(text: str) -> Source:
    """An annotation taken apart, by the form in which the kinds write it."""
    lines: list[str] = []
    boxes: list[BoxSides] = []
    for line in text.split("\n"):
        match = _BOX.fullmatch(line)
        if match is None:
            lines.append(line)
            continue
        x, y, width, height = (float(match[number]) for number in range(2, 6))
        boxes.append((match[1], x, y, width, height))
    if not text.startswith("timestamps: "):
        return Source(text, tuple(lines), tuple(boxes))
    times, sentences = json.loads(lines[0][12:]), json.loads(lines[1][11:])
    events = tuple((start, end, said.strip()) for (start, end), said in zip(times, sentences, strict=True))
    return Source(text, events=events)


def pick(phrasings: dict[Split, Sequence[Phrasing]], split: Split, rng: random.Random) -> Phrasing:
    """One of the phrasings of a split."""
    return rng.choice(phrasings[split])


_LINES: dict[Split, Sequence[str]] = {
    "development": ("{A}.", "Comparing what is to be seen, {a}."),
    "reported": ("What stands out is this: {a}.", "One more thing about what is there: {a}."),
}


def frame_line(line: str, split: Split, false: str) -> tuple[str, str]:
    """A line of somebody's as a sentence of an answer, and the false line in the same frame."""
    phrasings = _LINES[split]
    frame = phrasings[len(line) % len(phrasings)]
    said = [text.strip().rstrip(".") for text in (line, false)]
    true, wrong = (frame.format(A=capitalise(text), a=f"{text[:1].lower()}{text[1:]}") for text in said)
    return true, wrong


def capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def pluralise(name: str) -> str:
    return _PLURAL.get(name, f"{name}es" if name.endswith(("s", "ch", "sh")) else f"{name}s")
