"""What a reply's layout leaves behind in a pair: blanks that were never filled, labels of further pairs."""

import re

from app.pipeline.filtering.rules import Candidate, ReplyContext, Rule
from app.pipeline.values import Pair

_BLANKS = re.compile(
    r"\[(?:insert|your|add|fill|name|object|color|colour|number|location|place|answer|question|description|person|x|y)"
    r"(?:[ _-][a-z ]{1,40})?\]"
    r"|\{\{?[a-z_]{2,30}\}?\}|<(?:insert|your|name|object|answer|question|placeholder|blank)[a-z _-]{0,40}>"
    r"|\blorem ipsum\b|\b(?:TODO|TBD|FIXME)\b:?|\bX{3,6}\b|_{4,}",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:^|\n)\s*(?:\*\*)?(?:question|instruction|answer|response|human|assistant)\s*(?:#?\d{1,3})?\s*[:：](?!//)"
    r"|(?:^|\n)\s*(?:\*\*)?[QA]\s?\d{0,3}\s?[:：](?!//)",
    re.IGNORECASE,
)
_OFFERS_CHOICE, _CHOICE = re.compile(r"(?:\A|[\s(])B\s?[).:]"), re.compile(r"\s*[A-E]\s?[:：]")


def is_choice(pair: Pair) -> bool:
    """Whether "A: a hat" answers a question that offers A and B, so that the letter is no label."""
    return _CHOICE.match(pair.response) is not None and _OFFERS_CHOICE.search(pair.instruction) is not None


def _find_blank(candidate: Candidate, _: ReplyContext) -> str:
    match = _BLANKS.search(candidate.pair.instruction) or _BLANKS.search(candidate.pair.response)
    return f"a blank that was never filled: {match[0][:60]!r}" if match else ""


def _find_label(candidate: Candidate, _: ReplyContext) -> str:
    match = _LABEL.search(candidate.pair.instruction) or _LABEL.search(candidate.pair.response)
    if match is None or is_choice(candidate.pair):
        return ""
    return f"a label of the reply's layout: {match[0].strip()!r}"


SHAPES: tuple[Rule, ...] = (
    Rule(
        "placeholder",
        "formats",
        'A blank was never filled: "[object]", "{name}", "____", "lorem ipsum".',
        _find_blank,
        literals=("[", "{", "<", "_"),
        words=frozenset({"lorem", "todo", "tbd", "fixme", "xxx", "xxxx", "xxxxx", "xxxxxx"}),
    ),
    Rule(
        "nested_pair",
        "formats",
        'A line of the pair begins with "Question:", "Answer:" and the like: several pairs may have run together.',
        _find_label,
        literals=(":", "："),
        version=2,
    ),
)
