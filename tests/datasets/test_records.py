"""Reading records: what a file may look like, and what becomes of the bad ones among the good."""

import io
import itertools
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.records import FileFormat, FileFormatError, Record, RecordError, parse_format, read_records


class Trickle(io.BytesIO):
    """A stream that hands out a few bytes at a time, so that every record runs over an edge."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._size)


def read(content: bytes | str, file_format: FileFormat | None = None, **options: Any) -> list[Record | RecordError]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_records(io.BytesIO(raw), file_format, **options))


def values(outcomes: list[Record | RecordError]) -> list[object]:
    return [outcome.value for outcome in outcomes if isinstance(outcome, Record)]


def errors(outcomes: list[Record | RecordError]) -> list[RecordError]:
    return [outcome for outcome in outcomes if isinstance(outcome, RecordError)]


def test_a_list_is_read_element_by_element_with_lines_and_pointers() -> None:
    assert read('\ufeff\n[\n {"id": 1},\n\n {"id": 2}\n]\n') == [
        Record(3, None, {"id": 1}, "/0"),
        Record(5, None, {"id": 2}, "/1"),
    ]


def test_an_object_of_records_gives_their_keys() -> None:
    assert read('{"a/b": {"x": 1},\n"c": {"x": 2}}') == [
        Record(1, "a/b", {"x": 1}, "/a~1b"),
        Record(2, "c", {"x": 2}, "/c"),
    ]


def test_a_key_that_repeats_at_the_top_is_two_records() -> None:
    assert [record.key for record in read('{"a": {"x": 1}, "a": {"x": 2}}') if isinstance(record, Record)] == ["a", "a"]


def test_json_lines_are_read_line_by_line_and_blank_lines_passed_over() -> None:
    assert read('{"id": 1}\r\n\n  \n{"id": 2}') == [Record(1, None, {"id": 1}), Record(4, None, {"id": 2})]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"id": "a", "sentences": "b"}', [{"id": "a", "sentences": "b"}]),
        ('{\n "a": {\n  "sentences": "b"\n }\n}', [{"sentences": "b"}]),
        ('{"a":\n{"sentences": "b"}}', [{"sentences": "b"}]),
        ('{"a": 1\n{"a": 2}\n', [{"a": 2}]),
        ('oops\n{"a": 2}\n', [{"a": 2}]),
        ("[]", []),
        ("{}", []),
        ('[1, "x", [2]]', [1, "x", [2]]),
    ],
)
def test_the_format_is_told_from_the_content(content: str, expected: list[object]) -> None:
    assert values(read(content)) == expected


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        (b"", None),
        (b" \n ", None),
        (b"id,sentences\n1,a red door\n", None),
        (b"\x89PNG\r\n\x1a\n\x00", "jsonl"),
        (b"\x1f\x8b\x08\x00", None),
        (b"PK\x03\x04", None),
        ('[{"a": 1}]'.encode("utf-16"), None),
        (b'"text"', "json"),
    ],
)
def test_a_file_that_is_no_json_at_all_is_refused_whole(content: bytes, file_format: FileFormat | None) -> None:
    with pytest.raises(FileFormatError) as refusal:
        read(content, file_format)
    assert refusal.value.message


BAD_RECORDS = [
    ('{"a": nope}', "invalid_json", ""),
    ('{"a": 1,}', "invalid_json", ""),
    ('{"a": "tab\there"}', "invalid_json", ""),
    ('{"a": ' + "9" * 5000 + "}", "invalid_json", ""),
    ('{"a": [0, NaN]}', "not_finite", "/a/1"),
    ('{"a": -Infinity}', "not_finite", "/a"),
    ('{"a": {"b": 1e999}}', "not_finite", "/a/b"),
    ('{"a": [{"b": 1, "b": 2}]}', "duplicate_key", "/a/0/b"),
    ('{"a": ["x", "\\u0000"]}', "nul_character", "/a/1"),
    ('{"a": "\\ud800"}', "lone_surrogate", "/a"),
    ('{"a": ' + "[" * 64 + "]" * 64 + "}", "too_deep", ""),
    ('{"a": "' + "x" * 1024 + '"}', "record_too_large", ""),
]


@pytest.mark.parametrize(("bad", "code", "pointer"), BAD_RECORDS)
def test_a_bad_record_is_refused_with_its_place_and_the_others_stay(bad: str, code: str, pointer: str) -> None:
    good = [{"a": 1}, {"a": 2}, {"a": 3}]
    first, second, third = (json.dumps(record) for record in good)
    cap = 1024 if code == "record_too_large" else 10_000

    listed = read(f"[{first},\n{bad},\n{second}, {third}]", record_cap_bytes=cap)
    keyed = read(f'{{"k": {first},\n"bad": {bad},\n"l": {second}, "m": {third}}}', record_cap_bytes=cap)
    lined = read(f"{first}\n{bad}\n{second}\n{third}\n", record_cap_bytes=cap)

    for outcomes, base in ((listed, "/1"), (keyed, "/bad"), (lined, "")):
        assert values(outcomes) == good
        assert [(e.line, e.code, e.pointer) for e in errors(outcomes)] == [(2, code, base + pointer)]
        assert errors(outcomes)[0].message.endswith(".")
    assert errors(keyed)[0].source_id in ("bad", None)


def test_bytes_that_are_not_utf_8_spoil_only_their_record() -> None:
    outcomes = read(b'[{"a": 1}, {"a": "\xff"}, {"a": "\xed\xa0\x80"}, {"a": "\xc3\xa9"}]')
    assert values(outcomes) == [{"a": 1}, {"a": "é"}]
    assert [error.code for error in errors(outcomes)] == ["not_utf8", "not_utf8"]


def test_whole_surrogate_pairs_and_written_backslashes_are_fine() -> None:
    assert values(read('[{"a": "\\ud83d\\ude00"}, {"a": "\\\\u0000"}]')) == [{"a": "😀"}, {"a": "\\u0000"}]


def test_a_record_nested_64_deep_is_taken() -> None:
    assert len(values(read("[" + "[" * 64 + "]" * 64 + "]"))) == 1


@pytest.mark.parametrize(
    "content", ['[{"a": 1}, {"a": 2}, {"a": "cu', '{"k": {"a": 1}, "l": {"a": 2}, "m', '[{"a": 1}, {"a": 2}']
)
def test_a_file_that_was_cut_off_gives_its_good_records_and_says_so(content: str) -> None:
    outcomes = read(content)
    assert values(outcomes) == [{"a": 1}, {"a": 2}]
    assert [error.code for error in errors(outcomes)] == ["torn_file"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"a": 1}, {"a": "x}, {"a": 3}, {"a": 4}]', [1, 3, 4]),
        ('[{"a": 1}, {"a": 2, {"a": 3}, {"a": 4}]', [1, 3, 4]),
        ('[{"a": 1}, {"a": 2}}, {"a": 3}, {"a": 4}]', [1, 2, 3, 4]),
        ('[{"a": 1}, {"a": 2} {"a": 3},, {"a": 4},]', [1, 2, 3, 4]),
        ('[{"a": 1}, {"a": 2}], {"a": 3}, {"a": 4}]', [1, 2, 3, 4]),
        ('{"k": {"a": 1}, "l": {"a": "2}, "m": {"a": 3}, {"a": 5}, "n": {"a": 4}}', [1, 3, 4]),
        ('[{"a": 1}] []', [1]),
    ],
)
def test_reading_goes_on_after_brackets_and_quotes_that_do_not_match(content: str, expected: list[int]) -> None:
    outcomes = read(content)
    assert values(outcomes) == [{"a": number} for number in expected]
    assert errors(outcomes)


def test_a_record_that_never_ends_is_passed_over_in_little_memory() -> None:
    content = b'[{"a": 1},\n{"a": "' + b"x" * 30_000_000 + b'"},\n{"a": 3}]'
    stream = io.BytesIO(content)
    tracemalloc.start()
    outcomes = list(read_records(stream))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert values(outcomes) == [{"a": 1}, {"a": 3}]
    assert [(error.line, error.code) for error in errors(outcomes)] == [(2, "record_too_large")]
    assert peak_bytes < 8_000_000


class Endless(io.BytesIO):
    """A list of many records that is made while it is read."""

    def __init__(self, count: int, opening: bytes, separator: bytes, closing: bytes) -> None:
        super().__init__()
        self._parts = (
            opening if n == 0 else closing if n == count + 1 else self._record(n) + (separator if n < count else b"")
            for n in range(count + 2)
        )

    def _record(self, number: int) -> bytes:
        return b'{"img_id": "%d", "sentences": ["the bus is gone", "%s"]}' % (number, b"y" * 200)

    def read(self, size: int | None = -1) -> bytes:
        taken = []
        length = 0
        for part in self._parts:
            taken.append(part)
            length += len(part)
            if length >= (size or 0):
                break
        return b"".join(taken)


@pytest.mark.parametrize(("opening", "separator", "closing"), [(b"[", b", ", b"]"), (b"", b"\n", b"\n")])
def test_a_large_file_is_read_in_memory_that_does_not_grow_with_it(
    opening: bytes, separator: bytes, closing: bytes
) -> None:
    tracemalloc.start()
    peaks = []
    for count in (20_000, 80_000):
        tracemalloc.reset_peak()
        assert sum(isinstance(r, Record) for r in read_records(Endless(count, opening, separator, closing))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 4_000_000
    assert peaks[1] < 1.5 * peaks[0]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(st.lists(json_values), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_whatever_json_writes_is_read_back_however_the_bytes_arrive(
    wanted: list[object], size: int, ascii_only: bool, indent: int | None
) -> None:
    content = json.dumps(wanted, ensure_ascii=ascii_only, indent=indent).encode()
    assert values(list(read_records(Trickle(content, size), "json"))) == wanted


@given(st.binary(max_size=200), st.integers(1, 40), st.sampled_from(["json", "jsonl", None]))
def test_no_bytes_at_all_bring_the_reader_down(noise: bytes, size: int, file_format: FileFormat | None) -> None:
    try:
        outcomes = list(read_records(Trickle(b'[{"a": 1}, {"a"' + noise + b'}, {"a": 3}]', size), file_format))
    except FileFormatError:
        return
    assert outcomes


@pytest.mark.parametrize("byte", range(256))
def test_a_stray_byte_between_records_is_reported_once_and_reading_goes_on(byte: int) -> None:
    content = b'[{"a": 1}, ' + bytes([byte]) + b', {"a": 3}]'
    outcomes = list(itertools.islice(read_records(io.BytesIO(content), "json"), 10))
    assert len(outcomes) < 10


def test_a_format_has_one_of_two_names() -> None:
    assert (parse_format("json"), parse_format("jsonl")) == ("json", "jsonl")
    with pytest.raises(ValueError, match="known are json and jsonl"):
        parse_format("csv")
