"""Where the values of a JSON-like text begin and end, in one pass, and the mending of those that are nearly JSON."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from json_repair import repair_json

_START = re.compile(r"^[ \t]*+[\[{]|[\[{]\s*+[\"“{\[]", re.MULTILINE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_CLOSERS = str.maketrans("{[", "}]")
_MOST_TOKENS = 200_000
_DEEPEST = 64  # json.loads recurses; no reply nests this far
_MENDING_BUDGET = 98_304  # characters of one reply; mending is slow, and a pair is short


@dataclass(slots=True)
class Value:
    """An outermost array or object: [start, end), whether it closes, and the objects that sit in its arrays.

    whole_until: where the last array or object inside it closes; what follows in an open value is torn.
    """

    start: int
    end: int
    closed: bool = True
    elements: list[tuple[int, int]] = field(default_factory=list)
    whole_until: int = 0


def find_json_start(text: str) -> int | None:
    """Where the first array or object opens: at a line's start, or anywhere when a string or bracket follows."""
    match = _START.search(text)
    return None if match is None else match.end() - len(match[0].lstrip())


def scan_json(text: str) -> list[Value]:
    """The outermost values of a text in order; brackets within double-quoted strings do not count."""
    values: list[Value] = []
    stack: list[tuple[str, int, bool]] = []  # bracket, position, whether an element closed inside it
    elements: list[tuple[int, int]] = []
    closed_at = 0
    for count, token in enumerate(_TOKEN.finditer(text)):
        bracket = token[0]
        if bracket in "{[":
            if len(stack) == _DEEPEST or count > _MOST_TOKENS:
                break
            stack.append((bracket, token.start(), False))
        elif bracket in "}]" and stack:
            _, start, holds = stack.pop()
            closed_at = token.end()
            is_element = bracket == "}" and not holds and (not stack or stack[-1][0] == "[")
            if is_element:
                elements.append((start, token.end()))
            if stack and (is_element or holds):
                stack[-1] = (stack[-1][0], stack[-1][1], True)
            if not stack:
                values.append(Value(start, token.end(), True, elements, token.end()))
                elements = []
    if stack:
        values.append(Value(stack[0][1], len(text), False, elements, max(closed_at, stack[0][1])))
    return values


def close_torn(text: str) -> tuple[str, str]:
    """(the value, closed after the last object inside it that is whole; the rest) of a value that never closes.

    The value is empty where no object in it is whole.
    """
    stack: list[str] = []
    whole, open_then = 0, ""
    for count, token in enumerate(_TOKEN.finditer(text)):
        bracket = token[0]
        if bracket in "{[":
            if len(stack) == _DEEPEST or count > _MOST_TOKENS:
                break
            stack.append(bracket)
        elif bracket in "}]" and stack:
            stack.pop()
            if bracket == "}":
                whole, open_then = token.end(), "".join(stack)
    closing = open_then[::-1].translate(_CLOSERS)
    return text[:whole] + closing, text[whole:]


class Mender:
    """Reads what is nearly JSON (single quotes, stray commas, bare quotes), up to a budget of characters."""

    def __init__(self, budget: int = _MENDING_BUDGET) -> None:
        self._budget = budget

    def mend(self, text: str) -> Any:
        """The value of a text, or None where it cannot be read or the budget is spent. Never raises."""
        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError):
            pass
        if len(text) > self._budget:
            return None
        self._budget -= len(text)
        try:
            return repair_json(text, return_objects=True, skip_json_loads=True)
        except (ValueError, RecursionError, IndexError, TypeError, AttributeError):
            return None
