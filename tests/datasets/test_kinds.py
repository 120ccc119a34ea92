"""Each kind reads its format, names its images, and refuses what it cannot use."""

from pathlib import Path

from datasets.change import SpotTheDifference
from datasets.records import QueryInput, RecordError
from datasets.registry import find_kind


def read(path: Path, kind: str | None) -> tuple[list[QueryInput], list[tuple[str, str, str | None]]]:
    outcomes = list(find_kind(kind).open_query_inputs(path))
    good = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    bad = [(error.pointer, error.code, error.source_id) for error in outcomes if isinstance(error, RecordError)]
    return good, bad


def test_spot_the_difference_joins_sentences_and_pads_image_numbers(fixtures: Path) -> None:
    good, bad = read(fixtures / "spot_the_difference.json", "change.SpotTheDifference")
    seven = ("SD_IMG_00007_1", "SD_IMG_00007_2")
    assert good == [
        QueryInput("7", "the bus is gone\na man stands at the gate", seven, 2),
        QueryInput("7", "there are no differences", seven, 3),
        QueryInput("12345", "the lamp is on", ("SD_IMG_12345_1", "SD_IMG_12345_2"), 4),
    ]
    assert bad == [
        ("/3/sentences", "empty_sentences", "8"),
        ("/4/sentences", "wrong_type", "9"),
        ("/5/img_id", "missing_field", None),
        ("/6/sentences/1", "wrong_type", "10"),
        ("/7", "wrong_type", None),
    ]


def test_coco_spot_the_difference_names_both_images_of_its_id(fixtures: Path) -> None:
    good, bad = read(fixtures / "coco_spot_the_difference.json", "change.CocoSpotTheDifference")
    assert [query_input.image_ids for query_input in good] == [
        ("CSD_IMG_000000000123", "CSD_IMG_000000000456"),
        (),
    ]
    assert good[1].sentences == "image a:\nA red boat.\nimage b:\nTwo boats."
    assert bad == [("/7_8/sentences", "missing_field", "7_8")]


def test_dense_captions_rounds_times_cuts_late_events_and_counts_frames(fixtures: Path) -> None:
    good, bad = read(fixtures / "dense_captions.json", "video.DenseCaptions")
    frames = ("DC_IMG_v_one_0000", "DC_IMG_v_one_0001", "DC_IMG_v_one_0002", "DC_IMG_v_one_0003")
    text = 'timestamps: [[0, 1], [2, 3]]\nsentences: ["A man waves.", "Él se va."]'
    assert good == [QueryInput("v_one", text, frames, 2)]
    assert bad == [
        ("/v_two/sentences", "wrong_length", "v_two"),
        ("/v_three/timestamps/0", "bad_timestamp", "v_three"),
        ("/v_four/duration", "out_of_range", "v_four"),
        ("/v_five/duration", "wrong_type", "v_five"),
        ("/v_six/timestamps/0", "wrong_length", "v_six"),
        ("/v_seven/sentences", "empty_sentences", "v_seven"),
    ]


def test_tv_captions_numbers_descriptions_and_keeps_moments_of_a_clip_apart(fixtures: Path) -> None:
    good, bad = read(fixtures / "tv_captions.jsonl", "video.TVCaptions")
    clip = "castle_s01e01_seg02_clip_00"
    assert good == [
        QueryInput(
            clip, "1. a woman laughs .\n2. she sits down .", tuple(f"TVC_IMG_{clip}_000{n}" for n in (2, 3, 4)), 1
        ),
        QueryInput(clip, "1. a man leaves .", (f"TVC_IMG_{clip}_0009",), 2),
        QueryInput("s02e14_seg02_clip_02", "1. a man sleeps .", (), 3),
    ]
    name = "house_s01e01_seg02_clip_00"
    assert bad == [
        ("/descs", "empty_sentences", name),
        ("/descs/0/desc", "missing_field", name),
        ("/ts", "bad_timestamp", name),
    ]


def test_conversation_gives_corner_and_sides_whichever_way_the_file_has_its_boxes(fixtures: Path) -> None:
    good, bad = read(fixtures / "conversation.jsonl", "llava.Conversation")
    assert [query_input.sentences.split("\n")[-1] for query_input in good] == [
        "bus: [0.1, 0.2, 0.3, 0.05]",
        "bus: [10.5, 20, 300, 200]",
        "bus: [10, 20, 20, 30]",
        "bus: [0.1, 0.2, 0.3, 0.5]",
        "A bus.",
    ]
    assert [query_input.image_ids[0] for query_input in good] == [
        "LA_IMG_000000033471",
        "LA_IMG_000000033471",
        "LA_IMG_000000000001",
        "LA_IMG_000000000002",
        "LA_IMG_bus stop",
    ]
    assert bad == [
        ("/bbox_format", "unknown_bbox_format", "3"),
        ("/instances/0/bbox", "bad_box", "4"),
        ("/captions", "empty_sentences", "5"),
        ("/instances/0/bbox", "wrong_length", "6"),
    ]


def test_plain_items_need_no_kind(fixtures: Path) -> None:
    good, bad = read(fixtures / "plain_items.jsonl", None)
    assert good == [
        QueryInput("a", "a red door", ("door_1", "door_2"), 1),
        QueryInput("2", "a red door\na cat", (), 2),
    ]
    assert bad == [("/id", "empty_id", None), ("/sentences", "wrong_type", "c"), ("/id", "wrong_type", None)]


def test_plain_items_may_be_an_object_by_id(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text('{"a": {"sentences": "a red door"}, "b": {"sentences": " "}, "c": {"sentences": ["x", "y"]}}')
    good, bad = read(path, "plain.PlainItems")
    assert [(query_input.id, query_input.sentences) for query_input in good] == [("a", "a red door"), ("c", "x\ny")]
    assert bad == [("/b/sentences", "empty_sentences", "b")]


def test_ids_that_no_index_could_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(
        '{"id": "'
        + "x" * 600
        + '", "sentences": "a"}\n{"id": "y", "sentences": "a", "image_ids": ["'
        + "z" * 600
        + '"]}'
    )
    assert [code for _, code, _ in read(path, None)[1]] == ["id_too_long", "id_too_long"]


def test_ids_of_pairs_are_the_published_ones() -> None:
    assert find_kind("video.DenseCaptions").instruction_id(1, "v_x", 0) == "DC_INS_00001"
    assert find_kind("change.SpotTheDifference").instruction_id(15_989, "7", 1) == "SD_INS_15989"
    assert find_kind("change.CocoSpotTheDifference").instruction_id(1, "7_8", 0) == "CSD_INS_000001"
    assert find_kind("llava.Conversation").instruction_id(9, "33471", 2) == "LACONV_INS_000000033471_2"


def test_kinds_say_how_their_pairs_relate() -> None:
    names = ("change.SpotTheDifference", "change.CocoSpotTheDifference", "llava.Conversation", "video.TVCaptions")
    rules = [(find_kind(name).relation_rule, find_kind(name).train_rule) for name in names]
    assert rules == [
        ("none", "empty"),
        ("same_images", "related"),
        ("earlier_rounds", "last_round"),
        ("same_source", "related"),
    ]


def test_a_kind_can_be_used_by_hand_as_the_original_was(fixtures: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text('[{"img_id": "7", "sentences": ["the bus is gone"]}]')
    prompt_path = find_kind("change.SpotTheDifference").default_prompt_path
    dataset = SpotTheDifference("SD", str(prompt_path), str(path))
    assert (dataset.name, len(dataset), str(dataset)) == ("SD", 1, "SD dataset")
    assert dataset[0]["query_input"]["sentences"] == "the bus is gone"
    assert [turn["query_input"]["id"] for turn in dataset] == ["7"]
    assert dataset.query_inputs_path == str(path)
