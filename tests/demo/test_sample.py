"""The bundled sample: three kinds, and words that tell what the pictures show."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.drawing.canvas import Canvas, read_png
from app.demo.drawing.scenes import list_pictures
from app.demo.orders import PARTS, SAMPLE, Part
from app.pipeline.values import QueryInput
from datasets.record_values import RecordError
from datasets.registry import find_kind

IMAGES = SAMPLE / "images"
MOST_BYTES = 5_000


@pytest.fixture(scope="module")
def pictures() -> dict[str, Canvas]:
    return dict(list_pictures())


def _read(part: Part) -> Iterator[QueryInput]:
    for outcome in find_kind(part.kind).open_query_inputs(SAMPLE / part.file):
        assert not isinstance(outcome, RecordError), outcome
        yield QueryInput(outcome.id, outcome.sentences, outcome.image_ids)


def test_three_kinds_read_their_files_and_refuse_no_record() -> None:
    items = {part.kind: list(_read(part)) for part in PARTS}
    assert len(items) == 3
    assert sum(map(len, items.values())) >= 12


def test_every_image_id_has_a_picture_and_every_picture_an_image_id() -> None:
    named = {image_id for part in PARTS for item in _read(part) for image_id in item.image_ids}
    assert named == {path.stem for path in IMAGES.glob("*.png")}


def test_the_pictures_are_those_that_the_program_draws(pictures: dict[str, Canvas]) -> None:
    assert sorted(pictures) == sorted(path.stem for path in IMAGES.glob("*.png"))
    assert [name for name in pictures if pictures[name].to_pixels() != read_png(IMAGES / f"{name}.png")] == []


def test_the_pictures_are_small() -> None:
    assert max(path.stat().st_size for path in IMAGES.glob("*.png")) < MOST_BYTES


def test_boxes_of_a_conversation_are_where_the_things_were_painted(pictures: dict[str, Canvas]) -> None:
    for line in (SAMPLE / "conversation.jsonl").read_text().splitlines():
        record = json.loads(line)
        written = [(thing["category"], tuple(thing["bbox"])) for thing in record["instances"]]
        assert written == pictures[f"LA_IMG_{record['id']}"].objects


def test_two_pictures_differ_exactly_where_the_words_say_so(pictures: dict[str, Canvas]) -> None:
    for record in json.loads((SAMPLE / "spot_the_difference.json").read_text()):
        first, second = (pictures[f"SD_IMG_{int(record['img_id']):05d}_{half}"] for half in (1, 2))
        says_same = record["sentences"] == ["there is no difference between the two images"]
        assert (first.to_pixels() == second.to_pixels()) is says_same


def test_the_short_prompts_obey_the_rules_of_their_kinds() -> None:
    prompts = json.loads((SAMPLE / "prompts.json").read_text())
    assert sorted(prompts) == sorted(part.kind for part in PARTS)
    for kind, prompt in prompts.items():
        shown = [pair for turn in prompt["in_context"] if turn["role"] == "assistant" for pair in turn["content"]]
        broken = [
            (rule.code, pair)
            for rule in find_kind(kind).house_rules
            for pair in shown
            if rule.violates(pair["instruction"], pair["response"])
        ]
        assert broken == []


def test_the_readme_of_the_sample_counts_right() -> None:
    text = Path(SAMPLE / "README.md").read_text()
    items = sum(len(list(_read(part))) for part in PARTS)
    assert f"{len(list(IMAGES.glob('*.png')))} pictures and {items} annotations" in text
