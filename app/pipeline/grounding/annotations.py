"""What an annotation tells: boxes, remarks, events in time, each with the line it stands in."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app.pipeline.grounding.alike import say_the_same
from app.pipeline.grounding.nouns import COCO, FORMS, is_a
from app.pipeline.grounding.reading import Mention, Sentence, lower, read_sentences

_BOX = re.compile(r"^(.{1,80}?)( \(crowd\))?: \[(-?[\d.]+), (-?[\d.]+), (-?[\d.]+), (-?[\d.]+)\]( \(crowd\))?$")
_IMAGE = re.compile(r"^image ([a-z]|\d{1,4}):?$", re.IGNORECASE)
_SECOND = re.compile(r"^timestamp: (\d+(?:\.\d+)?)$")
_LABEL = re.compile(
    r"^(?:\d{1,4}\.|description:|objects:|annotation:|reason:|title:|tags:|album title:|album description:|about:) ?",
    re.IGNORECASE,
)
_NOT_OF_THE_SCENE = re.compile(r"^(?:candidate activities|creativity):", re.IGNORECASE)
_MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the annotation: its noun, its corner and sides, and its line."""

    noun: str
    x: float
    y: float
    width: float
    height: float
    line: int
    is_crowd: bool = False

    @property
    def centre_x(self) -> float:
        return self.x + self.width / 2

    @property
    def centre_y(self) -> float:
        return self.y + self.height / 2

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Told:
    """A thing that a line names."""

    mention: Mention
    sentence: Sentence
    line: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens from `start` to `end`, in seconds, or in places of an order."""

    start: float
    end: float
    text: str
    line: int


@dataclass(slots=True)
class Block:
    """What is told of one image of the annotation, which may be the only one."""

    boxes: list[Box] = field(default_factory=list)

    def of_kind(self, noun: str) -> list[Box]:
        """The boxes of this noun and of its kinds."""
        return [box for box in self.boxes if is_a(box.noun, noun)]


class Annotation:
    """An annotation, read; raises nothing, whatever it holds. Lines count from 1.

    memo: what a check has read out of it, by the check's name, for the other pairs of the item
    is_labelled: whether a line has a number or a label before its text, as remarks about differences never have
    """

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.blocks: list[Block] = [Block()]
        self.unknown_boxes = False
        self.is_labelled = False
        self.memo: dict[str, Any] = {}
        self.events: list[Event] = []
        self._remarks: list[tuple[int, str]] = []
        self._read()
        self.blocks = [block for block in self.blocks if block.boxes]

    @property
    def has_boxes(self) -> bool:
        """Whether things were marked by boxes, so that what has none is not there."""
        return bool(self.blocks)

    @property
    def duration(self) -> float:
        """When the last event ends."""
        return max((event.end for event in self.events), default=0.0)

    @property
    def is_in_fractions(self) -> bool:
        """Whether boxes are fractions of the image, so that its sides are known."""
        return all(max(b.x + b.width, b.y + b.height) <= 1.01 for block in self.blocks for b in block.boxes)

    @cached_property
    def sentences(self) -> list[tuple[int, Sentence]]:
        """The sentences of the remarks, each with its line."""
        return [(line, sentence) for line, text in self._remarks for sentence in read_sentences(text)]

    @cached_property
    def told(self) -> dict[str, list[Told]]:
        """What the remarks name, by noun."""
        found: dict[str, list[Told]] = {}
        for line, sentence in self.sentences:
            for mention in sentence.mentions:
                found.setdefault(mention.noun, []).append(Told(mention, sentence, line))
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the boxes are those of COCO, whose list of categories is known."""
        return not self.unknown_boxes and all(box.noun in COCO for block in self.blocks for box in block.boxes)

    @cached_property
    def direct_names(self) -> frozenset[str]:
        """Every noun that a remark or a box names."""
        return frozenset(box.noun for block in self.blocks for box in block.boxes).union(self.told)

    def lines_like(self, sentence: Sentence) -> frozenset[int]:
        """The lines of the remarks that say what a sentence says, apart from numbers, colours and sides."""
        return frozenset(line for line, remark in self.sentences if say_the_same(sentence.words, remark.words))

    def text_of(self, line: int) -> str:
        """A line, without what is too long to show."""
        return self.lines[line - 1][:200] if 0 < line <= len(self.lines) else ""

    def _read(self) -> None:
        second: float | None = None
        times: list[object] = []
        for number, line in enumerate(self.lines[:_MOST_LINES], start=1):
            if line.endswith(("]", ")")) and (box := _read_box(line, number)) is not None:
                self._add(box)
            elif (image := _IMAGE.match(line)) is not None:
                self.blocks.append(Block())
                second = float(image[1]) if image[1].isdecimal() else None
            elif line.startswith("timestamps: ["):
                times = _read_json_list(line[12:])
            elif line.startswith("sentences: [") and times:
                self._add_events(times, _read_json_list(line[11:]), number)
            elif (stamp := _SECOND.match(line)) is not None:
                second = float(stamp[1])
            elif _NOT_OF_THE_SCENE.match(line):
                break
            else:
                self._add_remark(line, number, second)

    def _add(self, box: Box) -> None:
        if box.noun:
            self.blocks[-1].boxes.append(box)
        else:
            self.unknown_boxes = True

    def _add_events(self, times: Sequence[object], texts: Sequence[object], number: int) -> None:
        for time, text in zip(times, texts, strict=False):
            self._remarks.append((number, str(text)))
            if isinstance(time, list) and len(time) == 2 and all(isinstance(second, int | float) for second in time):
                self.events.append(Event(float(time[0]), float(time[1]), str(text), number))

    def _add_remark(self, line: str, number: int, second: float | None) -> None:
        text = _LABEL.sub("", line)
        self.is_labelled |= text != line
        self._remarks.append((number, text))
        if second is not None and line.startswith(("description:", "annotation:")):
            self.events.append(Event(second, second, text, number))


def _read_box(line: str, number: int) -> Box | None:
    """The box of a line; its noun is empty where the category is none that is known here."""
    match = _BOX.match(line)
    if match is None:
        return None
    form = FORMS.get(lower(match[1]).strip())
    try:
        x, y, width, height = (float(part) for part in match.group(3, 4, 5, 6))
    except ValueError:
        return None
    return Box(form[0] if form else "", x, y, width, height, number, bool(match[2] or match[7]))


def _read_json_list(text: str) -> list[object]:
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []
