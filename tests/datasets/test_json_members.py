"""Arrays inside one object are read element by element, in any order and whatever stands between them."""

import io
import json
from collections.abc import Iterator

import pytest

from datasets.byte_window import CHUNK_BYTES, ByteWindow
from datasets.json_members import begins_with_member, read_member_arrays
from datasets.record_values import Record, RecordError

NAMES = ("images", "annotations")


def read(text: str | bytes, cap: int = 1 << 20) -> list[tuple[str, object]]:
    raw = text.encode() if isinstance(text, str) else text
    window = ByteWindow(io.BytesIO(raw))
    assert window.next_byte() == b"{"
    return list(_show(read_member_arrays(window, NAMES, cap)))


def _show(found: Iterator[tuple[str, Record | RecordError]]) -> Iterator[tuple[str, object]]:
    for name, record in found:
        yield name, (record.pointer, record.value) if isinstance(record, Record) else (record.pointer, record.code)


def test_elements_come_with_their_array_and_pointer_in_the_order_of_the_file() -> None:
    file = {"info": {"a": [1]}, "annotations": [{"b": 1}], "type": 'a "quoted" \\', "n": 1.5, "images": [{"c": 2}, 3]}
    assert read(json.dumps(file)) == [
        ("annotations", ("/annotations/0", {"b": 1})),
        ("images", ("/images/0", {"c": 2})),
        ("images", ("/images/1", 3)),
    ]


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_white_space_and_empty_arrays_do_not_matter(indent: int | None) -> None:
    file = {"images": [], "annotations": [{"b": [1, {"c": "]"}]}], "images2": [], "z": None}
    assert read(json.dumps(file, indent=indent)) == [("annotations", ("/annotations/0", {"b": [1, {"c": "]"}]}))]


def test_what_is_passed_over_may_be_of_any_size() -> None:
    long_text = 'x\\"\\\\' * CHUNK_BYTES
    file = f'{{"info": "{long_text}", "more": [{{"a": "{long_text}"}}], "images": [1]}}'
    assert read(file) == [("images", ("/images/0", 1))]


def test_a_member_that_is_no_array_is_passed_over() -> None:
    assert read('{"images": {"a": [1]}, "annotations": "none", "images": [1]}') == [("images", ("/images/0", 1))]


def test_a_bad_element_stays_alone() -> None:
    found = read('{"annotations": [{"a": 1}, {"a": NaN}, {"a": 1, "a": 2}, {"a": tru}, {"a": 4}], "images": [1]}')
    assert found == [
        ("annotations", ("/annotations/0", {"a": 1})),
        ("annotations", ("/annotations/1/a", "not_finite")),
        ("annotations", ("/annotations/2/a", "duplicate_key")),
        ("annotations", ("/annotations/3", "invalid_json")),
        ("annotations", ("/annotations/4", {"a": 4})),
        ("images", ("/images/0", 1)),
    ]


def test_an_element_over_the_cap_is_refused_and_the_rest_read() -> None:
    found = read('{"images": [{"a": 1}, {"a": "' + "x" * 900_000 + '"}, {"a": 2}]}', 1000)
    assert found == [
        ("images", ("/images/0", {"a": 1})),
        ("images", ("/images/1", "record_too_large")),
        ("images", ("/images/2", {"a": 2})),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"images": [1, {"a": ', "torn_file"),
        ('{"images": [1', "torn_file"),
        ('{"images": [1]', "torn_file"),
        ('{"images": [1], "info": {"a"', "torn_file"),
        ('{"images": [1], "info": "a', "torn_file"),
        ('{"images": [1], 5: 6}', "invalid_json"),
        ('{"images": [1], "unquoted', "invalid_json"),
    ],
)
def test_a_file_that_ends_or_breaks_between_members_says_so_once(text: str, code: str) -> None:
    *good, (_, last) = read(text)
    assert good == [("images", ("/images/0", 1))]
    assert isinstance(last, tuple)
    assert last[1] == code


def test_a_comma_before_the_bracket_and_a_stray_bracket_are_told_and_cost_nothing() -> None:
    codes = [shown for _, shown in read('{"images": [{"a": 1},], "annotations": [{"b": 1}], {"b": 2}], "z": 1}')]
    assert codes == [
        ("/images/0", {"a": 1}),
        ("/images", "invalid_json"),
        ("/annotations/0", {"b": 1}),
        ("/annotations", "invalid_json"),
        ("/annotations/1", {"b": 2}),
    ]


@pytest.mark.parametrize(
    ("content", "begins"), [(b' {"images": []}', True), (b'{"v": {"images": []}}', False), (b'[{"images": 1}]', False)]
)
def test_an_object_of_arrays_is_told_by_the_name_of_its_first_member(content: bytes, begins: bool) -> None:
    assert begins_with_member(ByteWindow(io.BytesIO(content)), NAMES) is begins
