"""Answers taken apart, whatever bytes they are."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.values import Completion, Usage


def _body(**changes: Any) -> bytes:
    message = {"role": "assistant", "content": "Q: a\nA: b"} | changes.pop("message", {})
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | changes.pop("choice", {})
    return orjson.dumps(
        {"model": "tiny", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}} | changes
    )


def test_a_plain_answer_is_read() -> None:
    assert decode_completion(_body()) == Completion("Q: a\nA: b", "stop", Usage(7, 3, 0), "tiny", "")


def test_cached_tokens_are_read_from_the_details() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    assert decode_completion(_body(usage=usage)).usage == Usage(7, 3, 5)


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"prompt_tokens": "many"}, {"prompt_tokens": -1, "completion_tokens": None}]
)
def test_missing_or_senseless_usage_is_zero(usage: Any) -> None:
    assert decode_completion(_body(usage=usage)).usage == Usage()


def test_a_refusal_has_no_text() -> None:
    completion = decode_completion(_body(message={"content": None, "refusal": "I will not."}))
    assert (completion.text, completion.refusal) == ("", "I will not.")


def test_a_content_of_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert decode_completion(_body(message={"content": parts})).text == "ab"


def test_a_cut_answer_says_so() -> None:
    assert decode_completion(_body(choice={"finish_reason": "length"})).finish_reason == "length"


@pytest.mark.parametrize(
    ("content", "text"),
    [(b'"a\\u0000b"', "ab"), (b'"a\\ud800b"', "a\ufffdb"), (b'"\\ud83d\\ude00"', "😀"), (b'"a\xffb"', "a\ufffdb")],
)
def test_what_postgresql_cannot_hold_is_cleaned(content: bytes, text: str) -> None:
    assert decode_completion(_body(message={"content": "@"}).replace(b'"@"', content)).text == text


def test_nan_does_not_make_a_paid_answer_unreadable() -> None:
    assert decode_completion(_body(score=None).replace(b'"score":null', b'"score":NaN')).text == "Q: a\nA: b"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"<html><body>Bad gateway</body></html>",
        _body()[:-20],
        b"[]",
        b'"text"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{"text": "old protocol"}]}',
        b'{"error": {"message": "Rate limit reached"}}',
        b'{"error": "overloaded", "choices": [{"message": {"content": "x"}}]}',
        b"[" * 100_000,
        b"\x00\xff",
    ],
)
def test_what_is_no_completion_may_be_tried_again(raw: bytes) -> None:
    with pytest.raises(CompletionError) as caught:
        decode_completion(raw)
    assert (caught.value.code, caught.value.retryable) == ("malformed_body", True)


@given(st.binary(max_size=300) | st.builds(lambda cut: _body()[:cut], st.integers(0, 200)))
def test_any_bytes_are_a_completion_or_malformed(raw: bytes) -> None:
    assert "\0" not in _read_or_describe(raw)


def _read_or_describe(raw: bytes) -> str:
    try:
        return decode_completion(raw).text
    except CompletionError as error:
        return error.detail
