"""Pictures in requests: which are chosen, how large they are, where they stand."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.prompting import build_prefix, frame_annotation
from app.pipeline.seeing import PIXELS_PER_TOKEN, Vision, choose_images, label_of, place_images, read_vision
from app.pipeline.values import Prompt


def _parts(query: str, urls: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(place_images(query, urls))
    return found


def test_pictures_stand_in_order_each_after_its_label() -> None:
    parts = _parts("a street", ["u1", "u2"])
    assert [part.get("text") or part["image_url"]["url"] for part in parts] == [
        "image a:",
        "u1",
        "image b:",
        "u2",
        frame_annotation("a street"),
    ]


def test_text_about_each_picture_follows_it() -> None:
    parts = _parts("image a:\na red van\nimage b:\na blue van", ["u1", "u2"])
    shown = [part.get("text") or part["image_url"]["url"] for part in parts]
    assert shown[1::2] == ["u1", "u2"]
    assert shown[0].endswith("image a:")
    assert shown[2] == "\na red van\nimage b:"
    assert shown[4].startswith("\na blue van")


@given(st.text(), st.integers(1, 5))
def test_no_text_is_lost_and_no_picture_moves(query: str, count: int) -> None:
    urls = [f"u{place}" for place in range(count)]
    parts = _parts(query, urls)
    assert [part["image_url"]["url"] for part in parts if part["type"] == "image_url"] == urls
    joined = "".join(part["text"] for part in parts if part["type"] == "text")
    assert joined.endswith(frame_annotation(query))


def test_labels_go_on_after_z() -> None:
    assert [label_of(place) for place in (0, 25, 26, 27, 701, 702)] == [
        "image a",
        "image z",
        "image aa",
        "image ab",
        "image zz",
        "image aaa",
    ]


def test_all_images_of_a_small_set_are_needed() -> None:
    assert choose_images(["x", "y"], ["y", "x"], 8) == (("x", "y"), None)
    assert choose_images(["x", "y"], ["x"], 8) == ((), "y")
    assert choose_images([], [], 8) == ((), "")


@given(st.integers(9, 400), st.integers(1, 8), st.data())
def test_frames_are_sampled_in_order_out_of_those_that_are_there(count: int, most: int, data: st.DataObject) -> None:
    frames = [f"f{number:04d}" for number in range(count)]
    present = data.draw(st.lists(st.sampled_from(frames), min_size=1, unique=True))
    chosen, missed = choose_images(frames, present, most)
    assert missed is None
    assert len(chosen) == min(most, len(present))
    assert list(chosen) == sorted(chosen)
    assert set(chosen) <= set(present)
    if most > 1 and len(present) > 1:
        assert (chosen[0], chosen[-1]) == (min(present), max(present))


def test_no_frame_at_all_is_missed() -> None:
    assert choose_images([str(number) for number in range(20)], [], 8) == ((), "0")


@given(st.integers(50, 100_000), st.integers(1, 100))
def test_pictures_keep_to_the_token_budget(tokens: int, count: int) -> None:
    side = Vision(tokens=tokens).side_for(count)
    assert side == 64 or count * side * side <= tokens * PIXELS_PER_TOKEN


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ("yes", "/vision"),
        ({"max_images": 0}, "/vision/max_images"),
        ({"max_images": True}, "/vision/max_images"),
        ({"tokens": 1e9}, "/vision/tokens"),
        ({"detail": "most"}, "/vision/detail"),
        ({"images": "ftp"}, "/vision/images"),
        ({"frames": 3}, "/vision/frames"),
    ],
)
def test_a_wrong_order_says_where(order: object, pointer: str) -> None:
    vision, faults = read_vision(order)
    assert vision is None
    assert [fault.pointer for fault in faults] == [pointer]


def test_an_order_is_read_back_from_what_describes_it() -> None:
    assert read_vision(True) == (Vision(), [])
    assert read_vision(False) == (None, [])
    vision, _ = read_vision({"max_images": 3, "detail": "low"})
    assert vision == Vision(max_images=3, detail="low")
    assert read_vision(vision.describe()) == (vision, [])


def test_a_request_carries_text_and_pictures_as_one_content() -> None:
    template = build_prefix(Prompt("Be brief."), "tiny", {}, "text")
    sent = orjson.loads(template.body_of(place_images("a street", ["u1"])))
    assert sent["messages"][-1]["role"] == "user"
    assert [part["type"] for part in sent["messages"][-1]["content"]] == ["text", "image_url", "text"]
