"""Scenes: what is drawn, what follows from the seed, and how frames are called."""

import json
from pathlib import Path

import pytest

from datasets.activities import ACTIVITIES
from datasets.records import QueryInput, RecordError
from datasets.registry import find_kind
from datasets.scenes import ASKS_FOR_THE_REASON, MENTIONS_CANDIDATES, SceneNavigation


def read(path: Path, seed: int | None = None) -> list[QueryInput]:
    found = list(SceneNavigation(seed=seed).iter_query_inputs(path))
    return [outcome for outcome in found if isinstance(outcome, QueryInput)]


def write_scene(folder: Path, descriptions: int) -> Path:
    path = folder / f"{descriptions}.json"
    texts = [[str(number), f"thing number {number}"] for number in range(descriptions)]
    path.write_text(json.dumps({"scene0000_00": {"description": texts}, "scene0000_01": {"description": texts}}))
    return path


def split(query_input: QueryInput) -> tuple[list[str], list[str]]:
    head, activities = query_input.sentences.split("\ncandidate activities:\n")
    return head.removeprefix("descriptions:\n").split("\n"), activities.split("\n")


def test_a_scene_keeps_its_good_descriptions_and_reports_the_others(fixtures: Path) -> None:
    outcomes = list(find_kind("scenes.SceneNavigation").open_query_inputs(fixtures / "scene_navigation.json"))
    first, second = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    assert split(first)[0] == [
        "the sofa is red. it stands below the long shelf.",
        "a round table in front of the sofa.",
        "the floor lamp leans against the shelf.",
    ]
    assert first.image_ids == tuple(f"SN_IMG_scene0000_00_color_0000{number}" for number in ("00", "20", "40", "60"))
    assert (second.id, second.image_ids) == ("scene0001_00", ())
    assert [(error.pointer, error.code) for error in outcomes if isinstance(error, RecordError)] == [
        ("/scene0000_00/description/3/1", "empty_sentences"),
        ("/scene0000_00/description/4/1", "wrong_type"),
        ("/scene0000_00/description/5", "wrong_length"),
        ("/scene0002_00/description", "empty_sentences"),
        ("/scene0003_00/description", "missing_field"),
        ("/scene0004_00/frames/0", "not_a_picture"),
        ("/scene0005_00", "wrong_type"),
    ]


def test_fifty_descriptions_and_nine_activities_are_drawn_in_the_order_of_the_file(tmp_path: Path) -> None:
    for scene in read(write_scene(tmp_path, 300)):
        descriptions, activities = split(scene)
        numbers = [int(text.removeprefix("thing number ")) for text in descriptions]
        assert len(numbers) == len(set(numbers)) == 50
        assert numbers == sorted(numbers)
        assert len(set(activities)) == 9
        assert set(activities) <= set(ACTIVITIES)


def test_the_draw_follows_from_the_scene_and_the_seed_alone(tmp_path: Path) -> None:
    path = write_scene(tmp_path, 300)
    first, second = read(path)
    assert read(path) == [first, second]
    assert split(first) != split(second)
    other = read(path, seed=7)[0]
    assert split(other)[0] != split(first)[0]
    assert split(other)[1] != split(first)[1]
    assert split(first)[1][0] == "a parent putting a toddler to bed"  # a later version must draw the same


def test_a_class_of_ones_own_may_have_another_seed_and_other_activities(tmp_path: Path) -> None:
    class Mine(SceneNavigation):
        seed = 7
        activities = ("a diver", "a pilot")

    path = write_scene(tmp_path, 5)
    mine = next(outcome for outcome in Mine().iter_query_inputs(path) if isinstance(outcome, QueryInput))
    assert split(mine)[0] == [f"thing number {number}" for number in range(5)]
    assert sorted(split(mine)[1]) == ["a diver", "a pilot"]


@pytest.mark.parametrize(
    "name",
    [
        "scene0012_01/color/20.jpg",
        "scans/scene0012_01/color/000020.jpg",
        "scene0012_01_color_000020.jpg",
        "SN_IMG_scene0012_01_color_000020.png",
        "scene0012_01/frame-000020.color.jpg",
        "scene0012_01/20.png",
        "Scene0012_01-20.jpeg",
    ],
)
def test_a_colour_frame_is_known_by_whatever_name_it_has(name: str) -> None:
    assert SceneNavigation.image_id_of(name) == "SN_IMG_scene0012_01_color_000020"
    assert SceneNavigation.image_id_of(name).startswith(SceneNavigation.image_prefix("scene0012_01"))  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["scene0012_01/depth/20.png", "scene0012_01/pose/20.txt", "scene0012_01_label_20.png"])
def test_what_lies_beside_the_colours_is_no_picture(name: str) -> None:
    assert SceneNavigation.image_id_of(name) is None


def test_other_names_are_kept() -> None:
    assert SceneNavigation.image_id_of("purpose/kitchen.png") == "SN_IMG_kitchen"
    assert SceneNavigation.frame_id_of("scene0012_01", 3) == "SN_IMG_scene0012_01_color_000003"


def test_ids_of_pairs_name_scene_activity_and_round() -> None:
    kind = find_kind("scenes.SceneNavigation")
    assert kind.instruction_id(40, "scene0000_00", 6, 2, 0) == "SN_INS_scene0000_00_activity2_round0"
    assert (kind.relation_rule, kind.train_rule) == ("earlier_rounds", "last_round")
    assert (kind.reply_grammar, kind.conversations, kind.rounds) == ("conversations", 3, 3)


def test_there_are_many_activities_and_each_is_a_person_who_does_something() -> None:
    assert len(set(ACTIVITIES)) == len(ACTIVITIES) >= 60
    for activity in ACTIVITIES:
        words = activity.split()
        assert words[0] in {"a", "an", "two"}, activity
        assert any(word.endswith("ing") for word in words), activity


@pytest.mark.parametrize(
    ("question", "is_refused"),
    [
        ("Why does this room suit a nap?", False),
        ("What makes it a good place to cook?", False),
        ("Is there a reason to bake here?", False),
        ("What is it about this small room that helps me read?", False),
        ("Where is the lamp?", True),
        ("How do I get to the bed?", True),
    ],
)
def test_the_first_round_must_ask_for_the_reason(question: str, is_refused: bool) -> None:
    assert ASKS_FOR_THE_REASON.violates(question, "Because.") is is_refused
    assert ASKS_FOR_THE_REASON.round_number == 0


def test_no_pair_speaks_of_the_activities_to_choose_from() -> None:
    assert MENTIONS_CANDIDATES.violates("Why?", "It is one of the candidate activities.")
    assert not MENTIONS_CANDIDATES.violates("Why?", "It suits quiet activities.")
