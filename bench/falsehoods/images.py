"""Falsehoods about one image, by its captions and boxes."""

import random
import re
from collections.abc import Iterator, Sequence

from bench.falsehoods.sources import NUMBERS, BoxSides, Case, Source, Split, capitalise, frame_line, pick, pluralise

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
_NAMES_PEOPLE = re.compile(
    r"person|people|man|men|boy|girl|child|guy|lady|baby|kid|individual|figure|someone|pedestrian|driver|rider"
)

_THERE_IS: dict[Split, Sequence[str]] = {
    "development": (
        "There is a {} in the picture.",
        "In the background, a {} can be seen.",
        "Next to everything else I notice a {}.",
        "A {} is visible as well.",
    ),
    "reported": ("One can also make out a {}.", "Part of the scene is a {}.", "The photo shows a {}."),
}
_THERE_IS_NO: dict[Split, Sequence[str]] = {
    "development": ("No, there are no {1} in the image.", "No {1} are visible."),
    "reported": ("There isn't a {0} in this photo.", "There is no {0}."),
}
_HOW_MANY: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("How many {} are there?", "There are {n} {}."),
        ("How many {} can you see in the image?", "{N}."),
        ("What is the picture of?", "In total there are {n} {} in the photo."),
    ),
    "reported": (("How many {} do you count?", "I count {n} of them."), ("What does it show?", "It shows {n} {}.")),
}
_SIDEWAYS: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("Where is the {a}?", "The {a} is to the {} of the {b}."),
        ("Where is the {a} in relation to the {b}?", "It is on the {} side of the {b}."),
    ),
    "reported": (
        ("Where would I look for the {a}?", "Just {} of the {b} you find the {a}."),
        ("On which side of the {b} is the {a}?", "The {a} can be found on the {} of the {b}."),
    ),
}
_UPRIGHT: dict[Split, Sequence[str]] = {
    "development": ("A {a} can be seen {} a {b}.", "The {a} is located {} the {b}."),
    "reported": ("Looking at their heights, the {a} sits {} the {b}.",),
}
_INSIDE: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("The {a} is near the {b}.", "The {a} is inside the {b}."),
        ("One can find the {a} close to the {b}.", "One can find the {a} inside of the {b}."),
    ),
    "reported": (("The {a} has been put beside the {b}.", "The {a} has been put inside the {b}."),),
}
_SIZES: dict[Split, Sequence[tuple[str, str, str]]] = {
    "development": (
        ("The {a} appears {} than the {b}.", "larger", "smaller"),
        ("In this photo the {a} looks much {} than the {b}.", "bigger", "smaller"),
    ),
    "reported": (
        ("Of the two, the {a} takes up {} of the frame than the {b}.", "more", "less"),
        ("As the picture has it, the {a} is {} than the {b}.", "larger", "smaller"),
    ),
}
_IS_THERE: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("Is there a {} in the picture?", "Can you see a {}?"),
        ("Is a {} visible in the image?", "Is there any {} to be seen here?"),
    ),
    "reported": (
        ("Does this picture contain a {}?", "Is there a {}?"),
        ("Do you see a {} in the scene?", "Does the image show a {}?"),
    ),
}
_HOW_MANY_PEOPLE: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (("How many people can you see?", "{}."), ("How many persons are in the photo?", "{}.")),
    "reported": (("What is the number of people shown?", "There are {} people in the image."),),
}
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
    for frame in _THERE_IS[split]:
        yield Case("object", source.text, "What else is there?", frame.format(there), frame.format(not_there))
    question = "Is there a {} in the picture?"
    yield Case("object", source.text, question.format(there), "Yes.", "No.")
    for denial in _THERE_IS_NO[split]:
        said = [denial.format(name, pluralise(name)) for name in (not_there, there)]
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
        yield Case("count", annotation, "What can be seen?", *frame_line(line, split, false))


def swap_count_of_boxes(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """How many there are of a thing, by its boxes."""
    if any(word in source.text.lower() for word in (*NUMBERS[1:], "several", "many")):
        return
    for name in sorted(set(source.names) - _UNCOUNTABLE):
        count = source.names.count(name)
        wrong = count + rng.choice((-1, 1, 2))
        if not 2 <= count <= 6 or wrong < 2:
            continue
        for question, answer in _HOW_MANY[split]:
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
        yield Case("colour", annotation, "What do you see?", *frame_line(line, split, false))


def swap_position(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Where one thing is to another, by two boxes that are the only ones of their kind and lie well apart."""
    single = [box for box in source.boxes if source.names.count(box[0]) == 1]
    for one in single:
        for other in single:
            if one[0] < other[0]:
                yield from _swap_places(source.text, one, other, split, rng)
                yield from _swap_sizes(source.text, one, other, split, rng)


def _swap_places(text: str, one: BoxSides, other: BoxSides, split: Split, rng: random.Random) -> Iterator[Case]:
    across = (one[1] + one[3] / 2) - (other[1] + other[3] / 2)
    down = (one[2] + one[4] / 2) - (other[2] + other[4] / 2)
    names = {"a": one[0], "b": other[0]}
    if abs(across) > 0.15:
        question, answer = pick(_SIDEWAYS, split, rng)
        said = [answer.format(side, **names) for side in (("left", "right") if across < 0 else ("right", "left"))]
        yield Case("position", text, question.format(**names), said[0], said[1])
    lies_lower = one[2] > other[2] and one[2] + one[4] > other[2] + other[4]
    lies_higher = one[2] < other[2] and one[2] + one[4] < other[2] + other[4]
    if abs(down) > 0.2 and (lies_lower or lies_higher):
        answer = pick(_UPRIGHT, split, rng)
        said = [answer.format(way, **names) for way in (("above", "below") if lies_higher else ("below", "above"))]
        yield Case("position", text, "Where are they?", said[0], said[1])
    if min(one[1] + one[3], other[1] + other[3]) < max(one[1], other[1]) - 0.02:
        true, false = pick(_INSIDE, split, rng)
        yield Case("position", text, "Where is it?", true.format(**names), false.format(**names))


def _swap_sizes(text: str, one: BoxSides, other: BoxSides, split: Split, rng: random.Random) -> Iterator[Case]:
    ratio = (one[3] * one[4]) / max(other[3] * other[4], 1e-6)
    if ratio > 3 or ratio < 1 / 3:
        answer, *words = pick(_SIZES, split, rng)
        said = [answer.format(word, a=one[0], b=other[0]) for word in (words if ratio > 1 else reversed(words))]
        yield Case("position", text, "Which one is larger?", said[0], said[1])


def contradict_pair(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Two pairs of one reply that answer one question in two ways; neither needs the annotation."""
    name = rng.choice(("lamp", "bucket", "ladder", "flag", "statue", "fountain", "basket", "curtain"))
    asked, again = pick(_IS_THERE, split, rng)
    earlier = (asked.format(name), f"Yes, there is a {name} near the middle.")
    yield Case("consistency", source.text, again.format(name), f"Yes, a {name}.", f"No, no {name}.", earlier=earlier)
    if _NAMES_PEOPLE.search(source.text):
        return
    number = rng.randint(2, 5)
    question, answer = pick(_HOW_MANY_PEOPLE, split, rng)
    said = [answer.format(NUMBERS[n - 1]).capitalize() for n in (number, number + 1)]
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
