"""The fast path for plain JSON lines gives what the careful reader gives, line by line."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.services.annotations import Outcome, batch_outcomes, hash_images, read_plain_items
from datasets.plain import PlainItems
from datasets.record_values import QueryInput, RecordError

texts = st.text(max_size=12) | st.sampled_from(
    ["", " ", '"', "\\", '\\"', "\\\\", "\x00", "é", "id", '"id":"x"', "{}[]"]
)
keys = st.sampled_from(["id", "sentences", "image_ids", "extra", "\\u0069d", "ID"])
values = texts | st.integers(-5, 5) | st.none() | st.lists(texts, max_size=3) | st.booleans()
GOOD = b'{"id": "1", "sentences": "a"}'


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line that is nearly a plain item: repeated keys, escapes in keys, other types, torn ends."""
    members = [("id", draw(texts)), ("sentences", draw(texts))]
    members = members + draw(st.lists(st.tuples(keys, values), max_size=2))
    ascii_only = draw(st.booleans())
    body = ", ".join(f'"{key}": {json.dumps(value, ensure_ascii=ascii_only)}' for key, value in members)
    line = ("{" + body + "}").encode("utf-8", "surrogatepass").replace(b"\n", b" ")
    return line[: draw(st.integers(0, len(line)))] if draw(st.integers(0, 5)) == 0 else line


def read_carefully(line: bytes, number: int) -> list[Outcome]:
    """What the reader of all kinds makes of a line in the midst of good ones."""
    body = GOOD + b"\n" + line + b"\n" + GOOD
    path_free = PlainItems().read_stream

    middle = list(path_free(BytesIO(body), "jsonl"))[1:-1]
    return [replace(outcome, line=number) for outcome in middle]


@given(line=lines())
@example(line=b'{"id": "1", "\\u0069d": "2", "sentences": "a"}')
@example(line=b'{"id": "1", "sentences": "a\\u0000"}')
@example(line=b'{"id": "1", "sentences": "a\\\\", "sentences": "b"}')
@example(line=b'{"id": "1", "sentences": "\\ud800"}')
@example(line=b'{"id": 7, "sentences": ["a", "b"]}')
@example(line=b'{"id": "1", "sentences": "a", "image_ids": ["x", "y "]}')
@example(line=b'{"id": "1", "sentences": "a"} {}')
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
def test_the_fast_path_agrees_with_the_careful_reader(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD + b"\n")
    outcomes = list(read_plain_items(path, None))
    assert outcomes[0] == QueryInput("1", "a", (), 1)
    assert outcomes[-1] == QueryInput("1", "a", (), 3)
    assert outcomes[1:-1] == read_carefully(line, 2)


@pytest.mark.parametrize("excess", [-1, 0, 1, 2, 3, 2 << 20])
def test_a_line_at_the_cap_is_told_from_one_beyond_it(tmp_path: Path, excess: int) -> None:
    frame = b'{"id": "1", "sentences": ""}'
    line = b'{"id": "1", "sentences": "' + b"x" * ((1 << 20) + excess - len(frame)) + b'"}'
    path = tmp_path / "lines.jsonl"
    path.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD + b"\n")
    _, middle, last = read_plain_items(path, "jsonl")
    assert isinstance(middle, RecordError) == (excess > 0)
    assert (middle.line, last.line) == (2, 3)


def test_batches_are_bounded_by_rows_and_by_characters() -> None:
    small = [QueryInput(str(n), "x") for n in range(10_000)]
    assert [len(batch.rows) for batch in batch_outcomes(iter(small), 1)] == [4096, 4096, 1808]
    large = [QueryInput(str(n), "x" * 600_000) for n in range(5)]
    assert [len(batch.rows) for batch in batch_outcomes(iter(large), 1)] == [2, 2, 1]
    videos = [QueryInput(str(n), "x", tuple(f"VIDEO_IMG_{n}_{frame}" for frame in range(1_000))) for n in range(40)]
    assert [len(batch.rows) for batch in batch_outcomes(iter(videos), 1)] == [17, 17, 6]


def test_positions_count_good_records_only() -> None:
    bad = RecordError(2, "", "invalid_json", "no")
    outcomes: list[Any] = [QueryInput("a", "x"), bad, QueryInput("b", "x", ("I", "J"))]
    (batch,) = batch_outcomes(iter(outcomes), 9)
    assert batch.rows == [(9, 0, "a", "x", (), None), (9, 1, "b", "x", ("I", "J"), hash_images(("I", "J")))]
    assert batch.errors == [bad]
    assert batch.has_images


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_the_hash_of_images_fits_a_bigint_and_is_never_negative(images: list[str]) -> None:
    number = hash_images(tuple(text.encode("utf-8", "ignore").decode() for text in images))
    assert 0 <= number < 2**63
