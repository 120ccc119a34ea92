"""The files of MIMIC-IT: valid JSON as a whole, the same bytes for the same rows, and checked as written."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.mimic_it import MimicMeta, MimicRow, SequentialIds, TrainRule, instructions_file, train_file
from app.pipeline.mimic_it_checks import IdSet, Verification, verify_instructions, verify_train

_META = MimicMeta("0.0.1", "2026-03-01T12:00:00Z")
_ROWS = [
    MimicRow(11, "What?", "A dog.", ("SD_IMG_00001_1", "SD_IMG_00001_2"), (12, 13), 1),
    MimicRow(12, "Wo ist er?\n„Da“", 'He said "no".', (), (11, 13), 1),
    MimicRow(13, "哪里？", "山上。", (), (11, 12), 1),
    MimicRow(14, "Who?", "Me.", (), (99, 14), 2),
]
_IDS = SequentialIds("SD", [11, 12, 13, 14])


def _verify(data: bytes, **options: Any) -> Verification:
    return verify_instructions(lambda: data.splitlines(keepends=True), **options)


def test_an_instructions_file_has_the_shape_of_mimic_it() -> None:
    data = b"".join(instructions_file(_ROWS, _META, _IDS))
    read = json.loads(data)
    assert read["meta"] == {"version": "0.0.1", "time": "2026-03-01T12:00:00Z", "author": "Syphus"}
    assert list(read["data"]) == ["SD_INS_00001", "SD_INS_00002", "SD_INS_00003", "SD_INS_00004"]
    assert read["data"]["SD_INS_00001"] == {
        "instruction": "What?",
        "answer": "A dog.",
        "image_ids": ["SD_IMG_00001_1", "SD_IMG_00001_2"],
        "rel_ins_ids": ["SD_INS_00002", "SD_INS_00003"],
    }
    assert read["data"]["SD_INS_00004"]["rel_ins_ids"] == []
    assert _verify(data).certificate() == {
        "sound": True,
        "instructions": 4,
        "relations": 6,
        "image_references": 2,
        "faults": 0,
    }


def test_the_training_loader_finds_what_it_looks_for() -> None:
    """The loader of the original reads images by id, then instruction, answer and the ids of the train file."""
    images = {name: base64.urlsafe_b64encode(b"png").decode() for name in ("SD_IMG_00001_1", "SD_IMG_00001_2")}
    data = json.loads(b"".join(instructions_file(_ROWS, _META, _IDS)))["data"]
    train = json.loads(b"".join(train_file(_ROWS, "same", _IDS)))
    for name, related in train.items():
        for found in (name, *related):
            assert data[found]["instruction"]
            assert data[found]["answer"]
            assert all(base64.urlsafe_b64decode(images[image]) for image in data[found]["image_ids"])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("same", {1: [2, 3], 2: [1, 3], 3: [1, 2], 4: []}),
        ("first_two", {1: [2, 3], 2: [1, 3], 3: [1, 2], 4: []}),
        ("none", {1: [], 2: [], 3: [], 4: []}),
        ("last_round", {3: [1, 2], 4: []}),
    ],
)
def test_a_train_file_follows_its_rule(rule: TrainRule, expected: dict[int, list[int]]) -> None:
    data = b"".join(train_file(_ROWS, rule, _IDS))
    name = "SD_INS_0000{}".format
    assert json.loads(data) == {name(key): [name(other) for other in others] for key, others in expected.items()}
    assert verify_train(data.splitlines(), _verify(b"".join(instructions_file(_ROWS, _META, _IDS))).ids).is_sound


def test_a_single_earlier_round_is_repeated() -> None:
    read = json.loads(b"".join(train_file(_ROWS[:2], "last_round", _IDS)))
    assert read == {"SD_INS_00002": ["SD_INS_00001", "SD_INS_00001"]}


def test_a_pair_left_out_of_the_file_is_left_out_of_every_link() -> None:
    some = SequentialIds("SD", [11, 13])
    data = b"".join(instructions_file([_ROWS[0], _ROWS[2]], _META, some))
    assert [record["rel_ins_ids"] for record in json.loads(data)["data"].values()] == [
        ["SD_INS_00002"],
        ["SD_INS_00001"],
    ]
    assert _verify(data).is_sound
    with pytest.raises(KeyError):
        list(instructions_file(_ROWS, _META, some))


def test_no_rows_make_an_empty_sound_file() -> None:
    data = b"".join(instructions_file([], _META, _IDS))
    assert json.loads(data)["data"] == {}
    assert _verify(data).is_sound
    assert json.loads(b"".join(train_file([], "same", _IDS))) == {}


_TEXT = st.text(min_size=1).filter(str.strip)


@given(st.lists(st.builds(MimicRow, st.integers(0, 10**12), _TEXT, _TEXT), unique_by=lambda row: row.pair_id))
def test_any_texts_survive_and_the_same_rows_make_the_same_bytes(rows: list[MimicRow]) -> None:
    rows = sorted(rows, key=lambda row: row.pair_id)
    ids = SequentialIds("XX", [row.pair_id for row in rows])
    data = b"".join(instructions_file(rows, _META, ids))
    assert data == b"".join(instructions_file(iter(rows), _META, ids))
    assert [(r["instruction"], r["answer"]) for r in json.loads(data)["data"].values()] == [
        (row.instruction, row.response) for row in rows
    ]
    assert _verify(data).is_sound


def test_a_large_file_comes_in_chunks_of_bounded_size() -> None:
    rows = [MimicRow(number, "q" * 100, "a" * 100) for number in range(5_000)]
    chunks = list(instructions_file(rows, _META, SequentialIds("XX", range(5_000))))
    assert len(chunks) > 10
    assert max(map(len, chunks)) < 70_000


def _file(*records: str) -> bytes:
    return b'{"meta":{},"data":{\n' + ",\n".join(records).encode() + b"\n}}\n"


def _record(name: str, related: Iterable[str] = (), images: Iterable[str] = (), answer: str = "a") -> str:
    value = {"instruction": "q", "answer": answer, "image_ids": list(images), "rel_ins_ids": list(related)}
    return f'"{name}":{json.dumps(value)}'


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (_file(_record("A", ["B"]), _record("B")), []),
        (_file(_record("A"), _record("A")), ["duplicate_id"]),
        (_file(_record("A", ["A"])), ["self_link"]),
        (_file(_record("A", ["B", "B"]), _record("B")), ["repeated_link"]),
        (_file(_record("A", ["C"])), ["dangling_relation"]),
        (_file(_record("A", answer=" ")), ["empty_text"]),
        (_file(_record("A", images=["I"]), _record("B", images=["J"])), ["unknown_image"]),
        (_file('"A":{"instruction":"q"}'), ["malformed"]),
        (_file(_record("A"), "what is this"), ["malformed"]),
        (_file(_record("A"))[:-4], ["malformed"]),
        (b"", ["malformed"]),
    ],
)
def test_what_users_complained_about_is_found(data: bytes, codes: list[str]) -> None:
    found = _verify(data, known_images={"I"})
    assert [fault.code for fault in found.faults] == codes
    assert found.is_sound == (not codes)


def test_faults_are_counted_beyond_the_hundred_that_are_kept() -> None:
    found = _verify(_file(*(_record(f"A{number}", ["gone"]) for number in range(500))))
    assert (found.fault_count, len(found.faults)) == (500, 100)
    assert found.faults[0].line == 2


@pytest.mark.parametrize("line", ['"A":["B"]', '"C":[]', '"A":5', '"A":["A"]'])
def test_a_train_file_that_does_not_fit_its_instructions_is_found(line: str) -> None:
    ids = _verify(_file(_record("A"))).ids
    assert not verify_train([b"{\n", line.encode() + b"\n", b"}\n"], ids).is_sound


@given(st.lists(st.text(max_size=5)))
def test_an_id_set_is_a_set(names: list[str]) -> None:
    ids, seen = IdSet(), set[str]()
    for name in names:
        assert ids.add(name) == (name not in seen)
        seen.add(name)
        assert name in ids
    assert len(ids) == len(seen)


def test_an_id_set_grows() -> None:
    ids = IdSet()
    assert all(ids.add(f"X_{number}") for number in range(20_000))
    assert all(f"X_{number}" in ids for number in range(20_000))
    assert "X_20000" not in ids
    assert len(ids) == 20_000


def test_row_ids_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascend"):
        SequentialIds("XX", [2, 1])
