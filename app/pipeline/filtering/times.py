"""Exact times, which only the annotation knows: nobody who watches counts seconds."""

import re

from app.pipeline.filtering.rules import Candidate, ReplyContext, ReplyText, Rule
from app.pipeline.values import Prompt

_NUMBER = r"\d{1,4}(?:\.\d{1,2})?"
_NO_DECADE = r"(?!(?:the )?\d\d\d0['’]?s\b|the \d0['’]?s\b(?! mark))"
_TIMES = re.compile(
    rf"\b(?:at|from|until|till|by|after|between|before|around) {_NO_DECADE}"
    rf"(?:about |around |the )?{_NUMBER}"
    rf"(?:(?:st|nd|rd|th) second| ?(?:s|secs?|seconds?))\b(?! (?:later|of))"
    rf"|\b{_NUMBER}(?:-| )?(?:secs?|seconds?)(?:'s)? (?:in|into|mark)\b"
    rf"|(?<!\bthe )(?<!\ba )\bseconds? {_NUMBER}\b|\bthe seconds? {_NUMBER}(?![\w.-])"
    rf"|\bframes? (?:number )?\d{{1,6}}\b|\btime[ -]?stamps?\b"
    rf"|\[ ?{_NUMBER} ?, ?{_NUMBER} ?\]|\b\d{{1,2}}:\d\d:\d\d\b"
    rf"|\b(?:at|from|until|between|after|before) \d{{1,2}}:\d\d\b(?! ?(?:[ap]\.?m\b|o'clock|on the clock))",
    re.IGNORECASE,
)


def _find_times(candidate: Candidate, _: ReplyContext) -> str:
    match = _TIMES.search(candidate.pair.instruction) or _TIMES.search(candidate.pair.response)
    return f"an exact time: {match[0]!r}" if match else ""


def _holds_digit(reply: ReplyText, _: Prompt) -> bool:
    return any(digit in reply.joined for digit in "0123456789")


TIMES: tuple[Rule, ...] = (
    Rule(
        "exact_time",
        "timestamps",
        "The pair tells the second, the frame or the timestamp of something, which only the annotation knows.",
        _find_times,
        is_on=False,
        words=frozenset({"timestamp", "timestamps", "stamp", "stamps"}),
        gate=_holds_digit,
        version=2,
    ),
)
