"""Images of COCO find the one most like them, the same one every time."""

import io
import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from datasets.coco_images import Box, CocoImage
from datasets.coco_partners import PartnerFinder, list_traits
from datasets.records import QueryInput, RecordError
from datasets.registry import find_kind

KIND = "change.CocoSpotTheDifference"
DOG, CAT, BUS = (
    [{"category": category, "bbox": [0.1, 0.1, 0.4, 0.4]} for category in names]
    for names in (["dog", "sofa"], ["cat", "sofa"], ["bus", "bus"])
)
IMAGES = [
    {"id": 1, "captions": ["A dog sleeps on a sofa."], "instances": DOG},
    {"id": 20, "captions": ["A red bus stops."], "instances": BUS},
    {"id": 3, "captions": ["A cat sits on a sofa."], "instances": CAT},
    {"id": 4, "captions": ["A blue bus stops."], "instances": BUS},
    {"id": 5, "captions": ["A dog and its puppy sleep on a sofa."], "instances": DOG},
]


def read(images: Sequence[object]) -> tuple[list[QueryInput], list[RecordError]]:
    source = io.BytesIO("\n".join(map(json.dumps, images)).encode())
    outcomes = list(find_kind(KIND).open_query_inputs(source))
    good = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, RecordError)]


def test_the_likest_images_are_paired_and_a_pair_comes_once() -> None:
    good, bad = read(IMAGES)
    assert not bad
    assert [found.id for found in good] == [
        "000000000001_000000000005",
        "000000000020_000000000004",
        "000000000003_000000000001",
    ]
    assert good[0] == QueryInput(
        "000000000001_000000000005",
        "image a:\nA dog sleeps on a sofa.\ndog: [0.1, 0.1, 0.3, 0.3]\nsofa: [0.1, 0.1, 0.3, 0.3]\n"
        "image b:\nA dog and its puppy sleep on a sofa.\ndog: [0.1, 0.1, 0.3, 0.3]\nsofa: [0.1, 0.1, 0.3, 0.3]",
        ("CSD_IMG_000000000001", "CSD_IMG_000000000005"),
        1,
    )


def test_among_equals_the_smaller_id_is_taken() -> None:
    twins = [{"id": number, "captions": [f"{word} dog."]} for number, word in ((10, "Old"), (9, "Wet"), (8, "Sad"))]
    assert [found.id for found in read(twins)[0]] == ["000000000010_000000000008", "000000000009_000000000008"]


def test_words_for_words_the_same_is_no_partner() -> None:
    same = [{"id": number, "captions": ["A dog sleeps."]} for number in (1, 2)]
    good, bad = read([*same, {"id": 3, "captions": ["A dog barks."]}])
    assert [found.id for found in good] == ["000000000001_000000000003", "000000000002_000000000003"]
    assert not bad


def test_an_image_without_likeness_and_an_id_that_repeats_are_told() -> None:
    good, bad = read([*IMAGES[1::2], {"id": 6, "captions": ["Xylophone."]}, IMAGES[1]])
    assert len(good) == 1
    assert [(error.code, error.source_id, error.line) for error in bad] == [
        ("duplicate_id", "20", 4),
        ("no_partner", "6", 3),
    ]


def test_ready_query_inputs_and_single_images_may_stand_in_one_file() -> None:
    good, bad = read([{"id": "7_8", "sentences": "image a: x\nimage b: y"}, *IMAGES[1::2]])
    assert not bad
    assert [found.id for found in good] == ["7_8", "000000000020_000000000004"]


def test_files_as_coco_publishes_them_are_paired_too(fixtures: Path) -> None:
    outcomes = list(find_kind(KIND).open_query_inputs(fixtures / "coco.json"))
    good = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, RecordError)]
    assert [found.id for found in good] == ["000000033471_000000000005"]
    assert good[0].sentences.endswith("\nimage b:\nA red bus stands at a stop.\nbus: [7, 20, 30, 40]")
    assert codes.count("no_partner") == 1


def test_traits_are_categories_counts_places_and_words() -> None:
    boxes = (Box("dog", (0, 0, 30, 30)), Box("dog", (280, 280, 20, 20)))
    image = CocoImage("1", "1", ("Two dogs are playing.",), boxes, (300, 300))
    assert set(list_traits(image)) == {"has dog", "2 dog", "dog at 0,0", "dog at 2,2", "says dog", "says playing"}


def invent(count: int) -> list[CocoImage]:
    draw = random.Random(5)
    sizes = [int(1 + 400 * draw.random() ** 2) for _ in range(12 * count)]
    words = ["".join(chr(97 + size // 26**place % 26) for place in range(3)) for size in sizes]
    return [
        CocoImage(str(number), f"{number:012}", (" ".join(words[12 * number : 12 * number + 12]),), ())
        for number in range(count)
    ]


def test_looking_at_few_images_finds_nearly_always_what_looking_at_all_finds() -> None:
    images = invent(600)
    finder = PartnerFinder()
    for image in images:
        finder.add(image)
    traits = [frozenset(list_traits(image)) for image in images]
    holders = Counter(trait for found in traits for trait in found)
    weights = {trait: math.log(601 / count) if count > 1 else 0.0 for trait, count in holders.items()}

    def likeness(one: int, other: int) -> float:
        both = sum(weights[trait] for trait in traits[one] | traits[other])
        return round(sum(weights[trait] for trait in traits[one] & traits[other]) / both, 6)

    found = [likeness(place, finder.rank(place)[0]) for place in range(0, 600, 5)]
    best = [max(likeness(place, other) for other in range(600) if other != place) for place in range(0, 600, 5)]
    assert sum(one == other for one, other in zip(found, best, strict=True)) >= 0.97 * len(best)
