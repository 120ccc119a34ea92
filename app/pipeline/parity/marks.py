"""What every language writes the same: boxes, placeholders, links, code, list items, marks of direction."""

import re
from collections import Counter

from app.pipeline.parity.verdicts import Verdict

BOX = re.compile(
    r"\[\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)+\s*\]|\(\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){3,}\s*\)"
)
PLACEHOLDER = re.compile(
    r"https?://[^\s<>\"'，。、；！？（）【】「」『』«»“”،؛]+|`[^`\n]+`|\{\{?[^{}\n]{1,40}\}\}?|<[A-Za-z/|][^<>\n]{0,40}>"
    r"|(?<!\d)(?<!\d )%(?:\([A-Za-z_]\w*\))?[sdif]\b|\$\{?[A-Za-z_]\w*\}?|\[[A-Z][A-Z0-9_]+\]|(?<!\w)[@#][A-Za-z_]\w+"
    r"|__\w+__"
)
_PLACEHOLDER_SIGNS = frozenset("{<%$@#`[_/")
_ITEM = re.compile(r"^[ \t]*(?:\d{1,2}[.)．、）]|[-*•・‐–])[ \t]*(?=\S)", re.MULTILINE)
_SPACES = re.compile(r"\s+")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_OVERRIDES = "\u202d\u202e"
_EMBEDDING, _POP_EMBEDDING = "\u202a\u202b", "\u202c"
_ISOLATE, _POP_ISOLATE = "\u2066\u2067\u2068", "\u2069"
_MOST_IN_A_ROW = 3
_SHOWN = 60


def find_boxes(text: str) -> Counter[str]:
    """Lists of coordinates, without their white space."""
    return Counter(_SPACES.sub("", box) for box in BOX.findall(text)) if "[" in text or "(" in text else Counter()


def find_placeholders(text: str) -> Counter[str]:
    """Links, code, variables, tags and the like, as they are written."""
    if _PLACEHOLDER_SIGNS.isdisjoint(text):
        return Counter()
    return Counter(found.rstrip(".,;:!?)") for found in PLACEHOLDER.findall(text))


def count_items(text: str) -> int:
    """Lines that are items of a list."""
    return len(_ITEM.findall(text)) if "\n" in text else 0


def blank_item_marks(text: str) -> str:
    """The text without the numbers and dashes that lead the items of its lists."""
    return _ITEM.sub(" ", text) if "\n" in text else text


def compare_boxes(english: Counter[str], text: str) -> Verdict | None:
    """The boxes of the source and no others."""
    if not english and "[" not in text and "(" not in text:
        return None
    return _compare(english, find_boxes(text), "box", "the box")


def compare_placeholders(english: Counter[str], text: str) -> Verdict | None:
    """The placeholders, links and code of the source and no others."""
    if not english and _PLACEHOLDER_SIGNS.isdisjoint(text):
        return None
    return _compare(english, find_placeholders(text), "placeholder", "the placeholder, link or code")


def compare_items(english: int, found: int) -> Verdict | None:
    """Lists keep their items."""
    if english < 2 or english == found:
        return None
    return "structure", f"has {found} list items; the English has {english}"


def find_direction_fault(english: str, text: str, *, is_rtl: bool) -> Verdict | None:
    """Marks of direction: none outside of right-to-left scripts, and there closed where they were opened."""
    if text.isascii() or _DIRECTION_MARKS.isdisjoint(text):
        return None
    if not is_rtl:
        if _DIRECTION.search(english):
            return None
        return "bidi", "holds marks of text direction, which this language does not use; leave them out"
    if any(mark in text for mark in _OVERRIDES):
        return "bidi", "overrides the direction of its letters; leave these marks out"
    for line in text.split("\n"):
        if not _is_balanced(line):
            return "bidi", "opens or closes a direction without its counterpart"
    if re.search(f"[{_DIRECTION.pattern[1:-1]}]{{{_MOST_IN_A_ROW},}}", text):
        return "bidi", "holds several marks of text direction in a row"
    return None


def _compare(english: Counter[str], found: Counter[str], code: str, noun: str) -> Verdict | None:
    if english == found:
        return None
    lacking, surplus = english - found, found - english
    if lacking:
        return code, f"lacks {noun} {_name(lacking)}, which must be as in the English"
    return code, f"holds {noun} {_name(surplus)}, which the English has not"


def _name(found: Counter[str]) -> str:
    return ", ".join(found)[:_SHOWN]


def _is_balanced(line: str) -> bool:
    open_: list[str] = []
    for mark in _DIRECTION.findall(line):
        if mark in _EMBEDDING:
            open_.append(_POP_EMBEDDING)
        elif mark in _ISOLATE:
            open_.append(_POP_ISOLATE)
        elif mark in (_POP_EMBEDDING, _POP_ISOLATE) and (not open_ or open_.pop() != mark):
            return False
    return not open_
