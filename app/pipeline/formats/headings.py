"""The lines that open a conversation in text, and what stands between such a line and the first question."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.pipeline.formats.labels import DIVIDER, FENCE, LABEL
from app.pipeline.formats.normalise import clean_text

_MARGIN = r"[ \t\u3000\u00a0]*+"
_BOLD = r"(?:\*\*|__|\*)"
_COLON = r"[:：﹕︰]"
_WORDS = "conversation|dialogue|dialog|activity|scenario"
_REASONS = r"reason|rationale|explanation|justification|why|why\ it\ (?:suits|fits)[\w' -]{0,60}"
_FLAGS = re.IGNORECASE | re.MULTILINE | re.VERBOSE

# A word with a number, a colon or both, and a title or none: `Conversation 1: Tea for two`, `## Activity 2`,
# `**Scenario 3** - Cleaning`. Bold type that opens before the word ends after the number, the colon or the title.
_HEADING_BODY = rf"""
(?:\#{{1,6}}[ \t]*+)?
(?P<bold>{_BOLD})?[ \t]?
(?:\d{{1,4}}[.)][ \t]*+)?
(?P<word>{_WORDS})
(?:
    [ \t_]?[\#(№]?\d{{1,4}}\)?(?(bold){_BOLD}?)(?:[ \t]?{_COLON}|[ \t]?[-–—](?=[ \t])|[.)](?!\d)|(?=[ \t]*+$))
  | (?(bold){_BOLD}?)[ \t]?{_COLON}
)
"""
_HEADING = re.compile(rf"^{_MARGIN}{_HEADING_BODY}(?P<title>[^\n]*+)$", _FLAGS)
# For replies in which no line has such a word: a marked line that opens a paragraph.
_MARKED = re.compile(
    rf"""
    (?:\A|\n[ \t]*+\n)
    (?P<line>{_MARGIN}
        (?:\#{{1,6}}[ \t]++(?P<hashed>[^\n]++)|(?:\d{{1,3}}[.)][ \t]*+)?\*\*(?P<bold>[^*\n]++)\*\*:?[ \t]*+)$
    )
    """,
    _FLAGS,
)
_MARK = rf"{_MARGIN}(?:[-•][ \t]?)?(?P<bold>{_BOLD})?"
_REASON = re.compile(rf"^{_MARK}(?:{_REASONS})(?(bold){_BOLD}?)[ \t]?{_COLON}(?(bold){_BOLD}?)", _FLAGS)
_TITLE = re.compile(
    rf"^{_MARK}(?:title|topic|{_WORDS})(?(bold){_BOLD}?)[ \t]?{_COLON}(?(bold){_BOLD}?)(?P<title>[^\n]*+)$", _FLAGS
)
_MARKS = re.compile(rf"^({_MARGIN})(?=\\*+{_HEADING_BODY})", _FLAGS)
_ESCAPED = re.compile(rf"^({_MARGIN})\\(?=\\*+{_HEADING_BODY})", _FLAGS)


@dataclass(frozen=True, slots=True)
class Heading:
    """Where a heading's line begins and ends, and the title in it (nothing where it has none)."""

    start: int
    end: int
    title: str


def find_headings(text: str) -> list[Heading]:
    """The headings of a reply in order; lines with another word than the first heading has are text."""
    matches = list(_HEADING.finditer(text))
    if not matches:
        return list(_find_marked(text))
    word = matches[0]["word"].casefold()
    return [_read_heading(match) for match in matches if match["word"].casefold() == word]


def split_opening(text: str) -> tuple[str, str]:
    """(title, reason) in what stands between a heading and the first question, nothing where one is missing.

    Text without a label is the reason.
    """
    reason = _REASON.search(text)
    head = text if reason is None else text[: reason.start()]
    title = _TITLE.search(head)
    told = "" if title is None else normalise_line(title["title"])
    if reason is not None:
        line, newline, rest = text[reason.end() :].partition("\n")
        return told, normalise_line(line + newline + _drop_marks(rest))
    return told, normalise_line(_drop_marks(head if title is None else head[: title.start()] + head[title.end() :]))


def normalise_line(text: str) -> str:
    """The form in which titles and reasons are kept: one line with single spaces."""
    return " ".join(clean_text(text).split())


def escape_headings(text: str) -> str:
    r"""Put a backslash before every line that would be read as a heading, escaped ones included."""
    return _MARKS.sub(r"\1\\", text)


def unescape_headings(text: str) -> str:
    r"""Undo `escape_headings`."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _drop_marks(text: str) -> str:
    return DIVIDER.sub("", FENCE.sub("", text))


def _read_heading(match: re.Match[str]) -> Heading:
    title, bold = normalise_line(match["title"]), match["bold"]
    if bold and title.count(bold) % 2:  # opened before the word, or not ended before the colon
        title = title.removesuffix(bold) if title.endswith(bold) else title.removeprefix(bold)
    return Heading(match.start(), match.end(), title.strip())


def _find_marked(text: str) -> Iterator[Heading]:
    """A marked line may stress anything: it is a heading only where a reason or a question comes next."""
    for match in _MARKED.finditer(text):
        start, end = match.span("line")
        following = _skip_spaces(text, end)
        is_followed = _REASON.match(text, following) or LABEL.match(text, following)
        if is_followed and not LABEL.match(text, start) and not DIVIDER.match(text, start):
            yield Heading(start, end, normalise_line(match["hashed"] or match["bold"]).strip("*# "))


def _skip_spaces(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
