"""Kinds are found by themselves and by name, whoever wrote them and however."""

import inspect
import sys
from pathlib import Path

import pytest

from datasets import abstract_dataset
from datasets.legacy import DatasetClassError
from datasets.records import FileFormatError, QueryInput, RecordError
from datasets.registry import KindNotFoundError, find_kind, list_broken_modules, list_kinds

OWN = [
    "change.CocoSpotTheDifference",
    "change.SpotTheDifference",
    "egocentric.Ego4D",
    "funqa.CreativeQA",
    "funqa.FunQA",
    "funqa.HumorQA",
    "funqa.MagicQA",
    "llava.ComplexReasoning",
    "llava.Conversation",
    "llava.DetailedDescription",
    "plain.PlainItems",
    "scenes.SceneNavigation",
    "video.DenseCaptions",
    "video.TVCaptions",
    "video.VisualStoryTelling",
]


def test_the_kinds_of_this_project_are_found_without_a_list_of_them() -> None:
    kinds = list_kinds()
    assert [kind.name for kind in kinds] == OWN
    assert list_broken_modules() == []
    assert all(kind.streams and kind.doc and kind.title and kind.file_format for kind in kinds)
    assert len({kind.abbr for kind in kinds}) == len(kinds)


def test_a_kind_is_found_under_both_spellings_and_plain_items_under_none() -> None:
    assert find_kind("change.SpotTheDifference") == find_kind("SpotTheDifference.change")
    assert find_kind(None).name == "plain.PlainItems"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("change.SpotTheDiference", "change.SpotTheDifference"),
        ("change.spotthedifference", "change.SpotTheDifference"),
        ("TVCaption.video", "video.TVCaptions"),
        ("os.system", None),
        ("datasets.abstract_dataset.AbstractDataset", None),
        ("", None),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_like_it_and_never_imported(name: str, suggestion: str | None) -> None:
    with pytest.raises(KindNotFoundError) as refusal:
        find_kind(name)
    assert next(iter(refusal.value.suggestions), None) == suggestion


def test_a_broken_file_is_listed_with_its_reason_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("from abstract_dataset import AbstractDataset\nclass Half(AbstractDataset\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "_private.py").write_text("raise RuntimeError\n")
    (tmp_path / "3d.py").write_text(
        "from abstract_dataset import AbstractDataset\n"
        "class Rooms(AbstractDataset):\n"
        "    def _load_query_inputs(self, path):\n"
        "        return [{'id': 'r', 'sentences': 'a room'}]\n"
    )
    assert [kind.name for kind in list_kinds([tmp_path])] == sorted([*OWN, "3d.Rooms"])
    broken = {module.name: module.error for module in list_broken_modules([tmp_path])}
    assert broken.keys() == {"half", "leaving"}
    assert broken["half"].startswith("SyntaxError")
    with pytest.raises(KindNotFoundError, match=r"half\.py cannot be loaded: SyntaxError"):
        find_kind("half.Half", [tmp_path])


def test_a_dataset_file_of_the_original_layout_runs_as_it_is(fixtures: Path, legacy_folder: Path) -> None:
    kind = find_kind("BirdSounds.birds", [legacy_folder])
    assert list(kind.open_query_inputs(fixtures / "birds.json")) == [
        QueryInput("wren", "small and brown\nsings loudly"),
        QueryInput("heron", "stands in a pond"),
    ]
    assert kind.load_prompt() == {
        "system_message": "You talk about birds. Write one question and its answer.",
        "in_context": [
            {"role": "user", "content": "0: grey, sings at night"},
            {"role": "assistant", "content": [{"Question": "When does it sing?", "Answer": "It sings at night."}]},
        ],
    }


def test_its_base_class_is_the_one_of_this_project(legacy_folder: Path) -> None:
    kind = find_kind("birds.BirdSounds", [legacy_folder])
    assert kind.cls.__base__ is abstract_dataset.AbstractDataset
    assert sys.modules["abstract_dataset"] is abstract_dataset
    assert str(legacy_folder) not in sys.path


def test_other_spellings_of_the_constructor_are_understood(fixtures: Path, legacy_folder: Path, tmp_path: Path) -> None:
    pictures = find_kind("birds.BirdPictures", [legacy_folder])
    assert list(pictures.open_query_inputs(fixtures / "birds.json")) == [
        QueryInput("7", "small and brown", ("bird_7",)),
        QueryInput("8", "stands in a pond", ("bird_8",)),
    ]
    assert pictures.load_prompt()["in_context"][1]["content"].startswith("Question: Where")  # type: ignore[union-attr]
    assert pictures.default_query_inputs_path == "annotations/birds/train.json"

    in_order = find_kind("birds.BirdsInOrder", [legacy_folder])
    assert list(in_order.open_query_inputs("some/path.json")) == [QueryInput("1", "some/path.json")]

    stream = find_kind("birds.BirdStream", [legacy_folder])
    prompt = tmp_path / "bird_prompt.json"
    assert stream.load_prompt(prompt)["system_message"] == "Talk about birds (/bird_prompt.json)."


def test_what_a_legacy_class_does_not_say_has_a_sane_default(legacy_folder: Path) -> None:
    kind = find_kind("birds.BirdSounds", [legacy_folder])
    assert (kind.abbr, kind.title, kind.doc, kind.house_rules, kind.streams) == ("BS", "BirdSounds", "", (), False)
    assert kind.instruction_id(12, "wren", 3) == "BS_INS_00012"
    assert (kind.relation_rule, kind.train_rule, kind.reply_grammar) == ("same_images", "related", "pairs")


def test_a_generator_is_followed_as_it_goes_and_its_bad_items_reported(legacy_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "birds.jsonl"
    path.write_text('{"id": "a", "sentences": "x"}\n{"id": "b"}\n7\n{"id": "c", "sentences": "\\u0000"}\nnope\n')
    outcomes = find_kind("birds.BirdStream", [legacy_folder]).open_query_inputs(path)
    assert inspect.isgenerator(outcomes)
    assert next(outcomes) == QueryInput("a", "x")
    found = [next(outcomes) for _ in range(3)]
    assert [(error.pointer, error.code) for error in found if isinstance(error, RecordError)] == [
        ("/1/sentences", "missing_field"),
        ("/2", "wrong_type"),
        ("/3/sentences", "nul_character"),
    ]
    with pytest.raises(FileFormatError, match=r"is no JSON that birds\.BirdStream can read"):
        next(outcomes)


def test_a_class_that_cannot_read_the_file_says_so_in_words(fixtures: Path, legacy_folder: Path) -> None:
    kind = find_kind("birds.BirdSounds", [legacy_folder])
    with pytest.raises(DatasetClassError, match="KeyError: 'bird'"):
        list(kind.open_query_inputs(fixtures / "spot_the_difference.json"))
    with (fixtures / "birds.json").open("rb") as stream, pytest.raises(DatasetClassError, match="needs a path"):
        list(kind.open_query_inputs(stream))


def test_a_constructor_without_a_place_for_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text(
        "from abstract_dataset import AbstractDataset\n"
        "class Fixed(AbstractDataset):\n"
        "    def __init__(self):\n"
        "        super().__init__('fixed', None, 'fixed.json')\n"
        "    def _load_query_inputs(self, path):\n"
        "        return []\n"
    )
    with pytest.raises(DatasetClassError, match="has no parameter for its query_inputs_path"):
        list(find_kind("fixed.Fixed", [tmp_path]).open_query_inputs("other.json"))


def test_a_streaming_kind_reads_an_open_stream(fixtures: Path) -> None:
    with (fixtures / "spot_the_difference.json").open("rb") as stream:
        assert len(list(find_kind("change.SpotTheDifference").open_query_inputs(stream, "json"))) == 8
