"""The published annotation files go through their kinds whole."""

from collections import Counter
from pathlib import Path

import pytest

from datasets.records import QueryInput, RecordError
from datasets.registry import find_kind


def read(path: Path, kind: str) -> tuple[list[QueryInput], list[RecordError]]:
    outcomes = list(find_kind(kind).open_query_inputs(path))
    good = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, RecordError)]


def test_spot_the_diff_has_9524_records_of_which_47_say_nothing(real_files: Path) -> None:
    good, bad = read(real_files / "spot_the_diff" / "train.json", "change.SpotTheDifference")
    assert (len(good), len(bad), len(good) + len(bad)) == (9477, 47, 9524)
    assert {error.code for error in bad} == {"empty_sentences"}
    assert all(error.source_id and error.pointer.endswith("/sentences") and error.line == 1 for error in bad)
    ids = [query_input.id for query_input in good] + [error.source_id for error in bad]
    assert len(ids) - len(set(ids)) == 958
    assert good[0] == QueryInput("76", "there are no differences", ("SD_IMG_00076_1", "SD_IMG_00076_2"), 1)


def test_activitynet_has_10009_videos_and_events_that_end_late_are_cut(real_files: Path) -> None:
    good, bad = read(real_files / "activitynet_captions" / "train.json", "video.DenseCaptions")
    assert (len(good), len(bad)) == (10_009, 0)
    assert good[0].id == "v_QOlSCBRmfWY"
    assert good[0].sentences.startswith('timestamps: [[1, 20], [17, 61], [56, 79]]\nsentences: ["A young woman')
    assert len(good[0].image_ids) == 83
    assert good[0].image_ids[-1] == "DC_IMG_v_QOlSCBRmfWY_0082"


def test_tv_captions_has_500_moments_of_457_clips(real_files: Path) -> None:
    good, bad = read(real_files / "tvc" / "sample_val_predictions_first500.jsonl", "video.TVCaptions")
    assert (len(good), len(bad)) == (500, 0)
    assert len({query_input.id for query_input in good}) == 457
    assert [query_input.line for query_input in good] == list(range(1, 501))
    assert good[0].image_ids[0] == "TVC_IMG_friends_s01e03_seg02_clip_19_0016"


def test_funqa_has_20_records_of_4_videos(real_files: Path) -> None:
    good, bad = read(real_files / "funqa" / "reference.json", "funqa.FunQA")
    assert [query_input.id for query_input in good] == [
        "H_A_101_1433_1631",
        "H_A_112_0000_0432",
        "H_A_112_0436_0691",
        "H_A_125_2078_2286",
    ]
    parts = [[line.split(": ")[0] for line in query_input.sentences.split("\n")] for query_input in good]
    assert parts == [["about", "description", "reason", "title"]] * 3 + [["about", "description"]]
    assert bad == []


@pytest.mark.parametrize(("kind", "videos", "others"), [("HumorQA", 4, 10), ("CreativeQA", 2, 14), ("MagicQA", 2, 16)])
def test_a_collection_of_funqa_takes_what_its_tasks_say(real_files: Path, kind: str, videos: int, others: int) -> None:
    good, bad = read(real_files / "funqa" / "reference.json", f"funqa.{kind}")
    assert (len(good), [error.code for error in bad]) == (videos, ["other_family"] * others)


def test_two_single_annotations_of_vist_are_two_albums(real_files: Path) -> None:
    good, bad = read(real_files / "vist" / "single_records.json", "video.VisualStoryTelling")
    assert [(query_input.id, query_input.image_ids, query_input.line) for query_input in good] == [
        ("44277", ("VST_IMG_1741642",), 1),
        ("72157605930515606", ("VST_IMG_2627795780",), 2),
    ]
    assert good[0].sentences == "image 1\nannotation: The local parish holds a craft show each year."
    assert bad == []


def test_coco_has_80_images_with_boxes_as_fractions(real_files: Path) -> None:
    good, bad = read(real_files / "coco" / "caps_boxes_coco2014_val_80.jsonl", "llava.Conversation")
    assert (len(good), len(bad)) == (80, 0)
    assert good[0].image_ids == ("LA_IMG_000000296284",)
    assert "donut: [0.37, 0.584, 0.134, 0.125]" in good[0].sentences.split("\n")
    lines = Counter(line.startswith("donut: [") for line in good[0].sentences.split("\n"))
    assert lines == {False: 5, True: 10}


def test_coco_images_are_described_and_reasoned_about_from_the_same_texts(real_files: Path) -> None:
    path = real_files / "coco" / "caps_boxes_coco2014_val_80.jsonl"
    talked_over, _ = read(path, "llava.Conversation")
    for kind in ("llava.DetailedDescription", "llava.ComplexReasoning"):
        assert read(path, kind) == (talked_over, [])


def test_80_coco_images_become_53_pairs_of_the_likest(real_files: Path) -> None:
    path = real_files / "coco" / "caps_boxes_coco2014_val_80.jsonl"
    good, bad = read(path, "change.CocoSpotTheDifference")
    assert (len(good), len(bad)) == (53, 0)
    assert good[0].id == "000000296284_000000367571"
    sets = [frozenset(found.image_ids) for found in good]
    assert len(set(sets)) == len(sets)
    assert len(frozenset().union(*sets)) == 80
    firsts = [found.sentences.partition("\nimage b:\n")[0] for found in good]
    assert firsts[0].startswith("image a:\nA donut shop is full")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("activitynet_captions/train.json", "change.SpotTheDifference"),
        ("tvc/sample_val_predictions_first500.jsonl", "video.DenseCaptions"),
        ("spot_the_diff/train.json", "llava.Conversation"),
        ("coco/coco_annotations_39769.json", "llava.Conversation"),
        ("activitynet_captions/train.json", "egocentric.Ego4D"),
        ("spot_the_diff/train.json", "funqa.FunQA"),
        ("tvc/sample_val_predictions_first500.jsonl", "video.VisualStoryTelling"),
        ("funqa/reference.json", "video.VisualStoryTelling"),
        ("coco/coco_annotations_39769.json", "llava.DetailedDescription"),
        ("coco/coco_annotations_39769.json", "change.CocoSpotTheDifference"),
    ],
)
def test_a_file_of_another_kind_is_refused_record_by_record(real_files: Path, file: str, kind: str) -> None:
    good, bad = read(real_files / file, kind)
    assert not good
    assert {error.code for error in bad} == {"missing_field"}
