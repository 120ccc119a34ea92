"""Differences of two texts, word by word, for people to read."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from app.pipeline.values import Pair

_PIECES = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_PIECES = 1_500  # beyond that a comparison costs more than it tells

Step = dict[str, str]
"""{"op": "equal" | "delete" | "insert", "text": …}; without the deleted ones they are the later text, in order."""


def diff_texts(before: str, after: str) -> list[Step]:
    """What was taken out and what was put in, with what stayed between."""
    return [
        {"op": op, "text": text} for op, text in _merge(_walk(_PIECES.findall(before), _PIECES.findall(after))) if text
    ]


def diff_pairs(before: Pair, after: Pair) -> dict[str, list[Step]]:
    """Both halves of a pair, each by itself."""
    return {
        "instruction": diff_texts(before.instruction, after.instruction),
        "response": diff_texts(before.response, after.response),
    }


def _walk(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """What both begin and end with costs nothing to find; only what is between is compared."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    yield "equal", "".join(before[:start])
    yield from _compare(before[start : len(before) - end], after[start : len(after) - end])
    yield "equal", "".join(before[len(before) - end :])


def _compare(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    if not before or not after or len(before) + len(after) > _MOST_PIECES:
        yield "delete", "".join(before)
        yield "insert", "".join(after)
        return
    for op, i, j, k, l in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():  # noqa: E741
        if op == "equal":
            yield "equal", "".join(before[i:j])
        else:
            yield "delete", "".join(before[i:j])
            yield "insert", "".join(after[k:l])


def _merge(steps: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Neighbours of one sort become one."""
    last: tuple[str, str] | None = None
    for op, text in steps:
        if not text:
            continue
        if last is not None and last[0] == op:
            last = (op, last[1] + text)
            continue
        if last is not None:
            yield last
        last = (op, text)
    if last is not None:
        yield last
