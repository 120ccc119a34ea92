"""Images of COCO, as it publishes their annotations: captions and boxes far from their images, in one file or two."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets import coco_file
from datasets.records import FileFormatError, QueryInput, RecordError
from datasets.registry import find_kind

KINDS = ("llava.Conversation", "llava.DetailedDescription", "llava.ComplexReasoning")


def read(source: bytes, kind: str = "llava.DetailedDescription") -> tuple[list[QueryInput], list[RecordError]]:
    outcomes = list(find_kind(kind).open_query_inputs(io.BytesIO(source)))
    good = [outcome for outcome in outcomes if isinstance(outcome, QueryInput)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, RecordError)]


def pack(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def coco(fixtures: Path) -> dict[str, Any]:
    """The fixture as a value, to be sent in other shapes."""
    content: dict[str, Any] = json.loads((fixtures / "coco.json").read_text())
    return content


@pytest.mark.parametrize("kind", KINDS)
def test_captions_and_boxes_come_together_at_their_image(fixtures: Path, kind: str) -> None:
    good, _ = read((fixtures / "coco.json").read_bytes(), kind)
    assert good == [
        QueryInput(
            "33471",
            "A red bus turns a corner.\nTwo people wait for a bus.\n"
            "bus: [10.25, 20, 300, 200.5]\nperson (crowd): [400, 100, 120, 200]",
            ("LA_IMG_000000033471",),
            5,
        ),
        QueryInput("5", "A red bus stands at a stop.\nbus: [7, 20, 30, 40]", ("LA_IMG_000000000005",), 6),
        QueryInput("6", "Boats lie in a harbour.", ("LA_IMG_harbour",), 8),
    ]


def test_what_is_wrong_is_told_record_by_record(fixtures: Path) -> None:
    _, bad = read((fixtures / "coco.json").read_bytes())
    assert [(error.line, error.pointer, error.code, error.source_id) for error in bad] == [
        (7, "/images/2/id", "duplicate_id", "5"),
        (9, "/images/4/id", "missing_field", None),
        (11, "/images/6/width", "wrong_type", "8"),
        (21, "/annotations/7/caption", "empty_caption", "5"),
        (22, "/annotations/8/caption", "wrong_type", "5"),
        (23, "/annotations/9/bbox", "bad_box", "5"),
        (24, "/annotations/10/bbox", "wrong_length", "5"),
        (26, "/annotations/12/category_id", "missing_field", "5"),
        (27, "/annotations/13", "missing_field", "5"),
        (38, "/categories/2/name", "missing_field", None),
        (30, "/annotations/16/image_id", "unknown_image", "99"),
        (28, "/annotations/14/category_id", "unknown_category", None),
        (6, "/images/1", "bad_box", "5"),
        (10, "/images/5", "empty_sentences", "7"),
    ]
    assert "2 annotations" in bad[10].message
    assert all(error.message.endswith(".") for error in bad)


def test_a_zip_of_captions_and_instances_is_the_same_as_one_file(coco: dict[str, Any]) -> None:
    captions = [annotation for annotation in coco["annotations"] if "caption" in annotation]
    instances = [annotation for annotation in coco["annotations"] if "caption" not in annotation]
    one, _ = read(json.dumps(coco).encode())
    files = {
        "annotations/instances_train2014.json": json.dumps(coco | {"annotations": instances}).encode(),
        "annotations/captions_train2014.json": json.dumps(
            {"images": coco["images"], "annotations": captions}, indent=1
        ).encode("utf-8-sig"),
        "annotations/notes.json": b'{"hello": "world"}',
        "readme.txt": b"not looked at",
    }
    two, bad = read(pack(files))
    assert [(found.id, found.sentences, found.image_ids) for found in two] == [
        (found.id, found.sentences, found.image_ids) for found in one
    ]
    codes = [error.code for error in bad]
    assert codes.count("duplicate_id") == 1
    assert codes.count("not_coco") == 1
    assert any(error.message.startswith("annotations/captions_train2014.json: ") for error in bad)


@pytest.mark.parametrize("order", [("annotations", "categories", "images"), ("categories", "images", "annotations")])
def test_the_order_of_the_lists_does_not_matter(coco: dict[str, Any], order: tuple[str, ...]) -> None:
    straight, bad = read(json.dumps(coco).encode())
    turned, bad_turned = read(json.dumps({name: coco[name] for name in order}).encode())
    assert turned == straight
    assert sorted(map(repr, bad_turned)) == sorted(map(repr, bad))


def test_captions_need_no_boxes_and_boxes_alone_are_asked_for_captions(coco: dict[str, Any]) -> None:
    captions = [annotation for annotation in coco["annotations"] if "caption" in annotation]
    good, _ = read(json.dumps({"images": coco["images"], "annotations": captions}).encode())
    assert [found.sentences for found in good][2] == "Boats lie in a harbour."
    boxes = [annotation for annotation in coco["annotations"] if "bbox" in annotation]
    good, bad = read(json.dumps(coco | {"annotations": boxes}).encode())
    assert not good
    messages = [error.message for error in bad if error.code == "empty_sentences"]
    assert len(messages) == 4
    assert all("zip" in message for message in messages)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b'{"images": [], "annotations": []}', "No image is listed"),
        (lambda: b'{"annotations": [{"image_id": 1, "caption": "A bus."}]}', "No image is listed"),
        (lambda: pack({"readme.txt": b"x"}), "holds no json"),
        (lambda: pack({"a.json": b'{"images": [{"id": 1}]}'})[:-30], "damaged"),
        (lambda: pack({"a.json": b'{"images": [' + b" " * 9_000_000 + b"]}"}), "unpacks to more than"),
        (lambda: pack({f"{number}.json": b"{}" for number in range(coco_file.MAX_ZIP_FILES + 1)}), "more than 100"),
    ],
)
def test_a_file_of_no_use_is_refused_as_a_whole(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        read(make())


def test_a_zip_whose_content_does_not_match_its_sum_is_damaged() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", b'{"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "A bus."}]}')
    with pytest.raises(FileFormatError, match="damaged"):
        read(packed.getvalue().replace(b"A bus.", b"A cat."))


def test_a_torn_file_keeps_what_it_brought(coco: dict[str, Any]) -> None:
    text = json.dumps(coco).encode()
    good, bad = read(text[: text.index(b"A red bus stands") + 40])
    assert [found.id for found in good] == ["33471", "5"]
    assert "torn_file" in {error.code for error in bad}


@pytest.mark.parametrize("kind", [*KINDS, "change.CocoSpotTheDifference"])
def test_a_bare_list_of_annotations_is_told_what_it_lacks(kind: str) -> None:
    good, bad = read(b'[{"id": 1, "image_id": 39769, "category_id": 75, "bbox": [332.89, 79.57, 38.65, 106.31]}]', kind)
    assert not good
    assert [(error.pointer, error.code, error.source_id) for error in bad] == [
        ("/0/captions", "missing_field", "39769"),
    ]
    assert "captions are missing" in bad[0].message


def test_ids_of_pairs_are_the_published_ones() -> None:
    assert find_kind("llava.DetailedDescription").instruction_id(9, "33471", 0) == "LADD_INS_000000033471"
    assert find_kind("llava.ComplexReasoning").instruction_id(9, "33471", 0) == "LACR_INS_000000033471"
    assert find_kind("llava.ComplexReasoning").instruction_id(9, "33471", 2) == "LACR_INS_000000033471_2"
