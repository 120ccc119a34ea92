"""Falsehoods about one image, by its captions and boxes."""

import random
import re
from collections.abc import Iterator

from bench.falsehoods.sources import NUMBERS, BoxSides, Case, Source, Split, capitalise, frame_line, pluralise

_FAR = {
    "red": ("blue", "green"), "blue": ("red", "yellow"), "green": ("red", "white"), "white": ("red", "black"),
    "black": ("white", "red"), "yellow": ("blue", "black"), "silver": ("red", "green"), "gray": ("red", "yellow"),
    "grey": ("red", "yellow"), "brown": ("blue", "green"), "orange": ("blue", "green"),
}  # fmt: skip
_COLOURED = re.compile(
    rf"\b({'|'.join(_FAR)})\b (?=(?:\w+ )?(car|truck|van|bus|cat|dog|couch|shirt|suv|motorcycle|bench|train|bird)\b)"
)
_COUNTED = re.compile(
    r"\b(two|three|four|five|six)\b(?= (?:(?!and|on|in|of|at|with|to|the)\w+ ){0,2}?"
    r"(?:people|men|women|cars|dogs|cats|horses|bears|giraffes|zebras|elephants|trucks|persons|sheep|birds|pizzas|donuts|boats)\b)"
)
_ABSENT = (
    "dog", "cat", "horse", "elephant", "zebra", "giraffe", "airplane", "bear", "train", "fire hydrant", "skateboard",
    "surfboard", "umbrella", "pizza", "toilet", "laptop", "banana", "refrigerator", "teddy bear", "stop sign",
    "motorcycle", "bus", "snowboard", "kite", "toothbrush", "parking meter",
)  # fmt: skip
_NEAR = {
    "bus": ("car", "truck", "van"), "train": ("car", "truck", "bus"), "motorcycle": ("bike", "bicycle"),
    "skateboard": ("surfboard", "snowboard", "ski"), "surfboard": ("skateboard", "snowboard", "boat"),
    "snowboard": ("skateboard", "surfboard", "ski"), "teddy bear": ("bear",), "bear": ("teddy",),
    "laptop": ("computer", "tv"), "pizza": ("donut", "sandwich", "cake"), "dog": ("puppy",), "cat": ("kitten",),
    "kite": ("frisbee", "parachute"),
    "horse": ("cow", "sheep", "pony"), "refrigerator": ("fridge", "microwave", "oven"), "airplane": ("plane", "jet"),
    "stop sign": ("stop",), "parking meter": ("meter",), "toothbrush": ("tooth",), "fire hydrant": ("hydrant",),
}  # fmt: skip
_UNCOUNTABLE = frozenset(("skis", "scissors", "broccoli", "dining table", "book", "sports ball", "wine glass"))
_HOLDS_MORE = re.compile(r"\b(?:more|other|less|of|or|instead|now|only|couple|both|another|additional|extra|fewer)\b")


def swap_object_in_caption(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """A caption of the image, the others being the annotation, with a thing named as another that is not there."""
    present = sorted(set(source.names))
    for place, caption in enumerate(source.lines):
        named = [name for name in present if re.search(rf"\b{name}\b", caption.lower())]
        absent = list(_list_absent(source))
        if named and absent:
            false = re.sub(rf"(?i)\b{rng.choice(named)}\b", rng.choice(absent), caption, count=1)
            yield Case("object", source.without(place), "What is in the picture?", caption, false)


def name_absent_object(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Something that is there, and something that is not; a yes or no about it."""
    absent = list(_list_absent(source))
    present = sorted(set(source.names) & set(_ABSENT))
    if not absent or not present:
        return
    there, not_there = rng.choice(present), rng.choice(absent)
    frames = {
        "development": ("There is a {} in the picture.", "In the background, a {} can be seen."),
        "reported": ("Next to everything else I notice a {}.", "A {} is visible as well."),
    }[split]
    for frame in frames:
        yield Case("object", source.text, "What else is there?", frame.format(there), frame.format(not_there))
    question = "Is there a {} in the picture?"
    yield Case("object", source.text, question.format(there), "Yes.", "No.")
    denial = {"development": "No, there are no {} in the image.", "reported": "No {} are visible."}[split]
    said = [denial.format(pluralise(name)) for name in (not_there, there)]
    yield Case("object", source.text, "Anything else?", said[0], said[1])


def swap_count_in_line(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """A caption or remark with another number, where it is the only number that is told."""
    for place, line in enumerate(source.lines):
        match = _COUNTED.search(line.lower())
        if match is None or _HOLDS_MORE.search(line.lower()):
            continue
        if len({number for number in NUMBERS if re.search(rf"\b{number}\b", source.text.lower())}) > 1:
            continue
        other = NUMBERS[NUMBERS.index(match[1]) + rng.choice((1, 2))]
        false = line[: match.start()] + other + line[match.end() :]
        annotation = source.without(place) if source.boxes else source.text
        yield Case("count", annotation, "What can be seen?", frame_line(line, split), frame_line(false, split))


def swap_count_of_boxes(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """How many there are of a thing, by its boxes."""
    if any(word in source.text.lower() for word in (*NUMBERS[1:], "several", "many")):
        return
    frames = {
        "development": (("How many {} are there?", "There are {n} {}."),),
        "reported": (
            ("How many {} can you see in the image?", "{N}."),
            ("What is the picture of?", "In total there are {n} {} in the photo."),
        ),
    }[split]
    for name in sorted(set(source.names) - _UNCOUNTABLE):
        count = source.names.count(name)
        wrong = count + rng.choice((-1, 1, 2))
        if not 2 <= count <= 6 or wrong < 2:
            continue
        for question, answer in frames:
            spelled = [NUMBERS[number - 1] for number in (count, wrong)]
            said = [answer.format(pluralise(name), n=word, N=capitalise(word)) for word in spelled]
            yield Case("count", source.text, question.format(pluralise(name)), said[0], said[1])


def swap_colour(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """A caption or remark with another colour, one that no line gives to anything."""
    text = source.text.lower()
    for place, line in enumerate(source.lines):
        match = _COLOURED.search(line.lower())
        others = [] if match is None else [colour for colour in _FAR[match[1]] if colour not in text]
        if match is None or not others:
            continue
        if source.boxes:
            if source.names.count(match[2]) != 1 or not _is_told_elsewhere(source, match, place):
                continue
        elif len(re.findall(rf"\b{match[2]}s?\b", text)) > 1:
            continue
        false = line[: match.start()] + rng.choice(others) + line[match.end(1) :]
        annotation = source.without(place) if source.boxes else source.text
        yield Case("colour", annotation, "What do you see?", frame_line(line, split), frame_line(false, split))


def swap_position(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Where one thing is to another, by two boxes that are the only ones of their kind and lie well apart."""
    single = [box for box in source.boxes if source.names.count(box[0]) == 1]
    for one in single:
        for other in single:
            if one[0] < other[0]:
                yield from _swap_places(source.text, one, other, split)
                yield from _swap_sizes(source.text, one, other, split)


def _swap_places(text: str, one: BoxSides, other: BoxSides, split: Split) -> Iterator[Case]:
    across = (one[1] + one[3] / 2) - (other[1] + other[3] / 2)
    down = (one[2] + one[4] / 2) - (other[2] + other[4] / 2)
    names = {"a": one[0], "b": other[0]}
    sideways = {
        "development": ("Where is the {a}?", "The {a} is to the {} of the {b}."),
        "reported": ("Where is the {a} in relation to the {b}?", "It is on the {} side of the {b}."),
    }[split]
    if abs(across) > 0.15:
        sides = ("left", "right") if across < 0 else ("right", "left")
        said = [sideways[1].format(side, **names) for side in sides]
        yield Case("position", text, sideways[0].format(**names), said[0], said[1])
    upright = {"development": "A {a} can be seen {} a {b}.", "reported": "The {a} is located {} the {b}."}[split]
    lies_lower = one[2] > other[2] and one[2] + one[4] > other[2] + other[4]
    lies_higher = one[2] < other[2] and one[2] + one[4] < other[2] + other[4]
    if abs(down) > 0.2 and (lies_lower or lies_higher):
        said = [upright.format(way, **names) for way in (("above", "below") if lies_higher else ("below", "above"))]
        yield Case("position", text, "Where are they?", said[0], said[1])
    if min(one[1] + one[3], other[1] + other[3]) < max(one[1], other[1]) - 0.02:
        said = {
            "development": ["The {a} is near the {b}.", "The {a} is inside the {b}."],
            "reported": ["One can find the {a} close to the {b}.", "One can find the {a} inside of the {b}."],
        }[split]
        yield Case("position", text, "Where is it?", said[0].format(**names), said[1].format(**names))


def _swap_sizes(text: str, one: BoxSides, other: BoxSides, split: Split) -> Iterator[Case]:
    frame = {
        "development": "The {a} appears {} than the {b}.",
        "reported": "In this photo the {a} looks much {} than the {b}.",
    }[split]
    ratio = (one[3] * one[4]) / max(other[3] * other[4], 1e-6)
    if ratio > 3 or ratio < 1 / 3:
        words = ("larger", "smaller") if ratio > 1 else ("smaller", "larger")
        said = [frame.format(word, a=one[0], b=other[0]) for word in words]
        yield Case("position", text, "Which one is larger?", said[0], said[1])


def contradict_pair(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Two pairs of one reply that answer one question in two ways; neither needs the annotation."""
    name = rng.choice(("lamp", "bucket", "ladder", "flag", "statue", "fountain", "basket", "curtain"))
    asked, again = {
        "development": ("Is there a {} in the picture?", "Can you see a {}?"),
        "reported": ("Is a {} visible in the image?", "Is there any {} to be seen here?"),
    }[split]
    earlier = (asked.format(name), f"Yes, there is a {name} near the middle.")
    yield Case("consistency", source.text, again.format(name), f"Yes, a {name}.", f"No, no {name}.", earlier=earlier)
    if re.search(
        r"person|people|man|men|boy|girl|child|guy|lady|baby|kid|individual|figure|someone|pedestrian|driver|rider",
        source.text,
    ):
        return
    number = rng.randint(2, 5)
    question = {"development": "How many people can you see?", "reported": "How many persons are in the photo?"}[split]
    said = [f"{capitalise(NUMBERS[n - 1])}." for n in (number, number + 1)]
    earlier = ("How many people are there?", f"There are {NUMBERS[number - 1]} people.")
    yield Case("consistency", source.text, question, said[0], said[1], earlier=earlier)


def _list_absent(source: Source) -> Iterator[str]:
    """Things that neither a box nor a caption names, nor what they might be taken for."""
    text = source.text.lower()
    for name in _ABSENT:
        if source.boxes and name not in text and not any(near in text for near in _NEAR.get(name, ())):
            yield name


def _is_told_elsewhere(source: Source, match: re.Match[str], place: int) -> bool:
    """Whether another caption gives the thing its colour."""
    phrase = rf"\b{match[1]}\b (?:\w+ )?{match[2]}\b"
    return any(re.search(phrase, line.lower()) for number, line in enumerate(source.lines) if number != place)
