"""Numbers in digits: what values a text may mean by them, by the customs of its language."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Style = Literal["dot", "comma", "either"]
"""Which mark stands before decimals: `1,250.5`, `1.250,5`, or nobody can tell."""

Reading = tuple[str, ...]
"""Values that a token may stand for, as plain decimals without leading or trailing zeros."""

_TOKEN = re.compile(r"\d+(?:(?:[.,٫٬'’]|[ \u00a0\u2009\u202f](?=\d{3}(?!\d)))\d+)*")
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_SEPARATORS = str.maketrans({"．": ".", "٫": ".", "٬": ",", "’": "'", "\u00a0": " ", "\u2009": " ", "\u202f": " "})
_GROUPED = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")
_PLAIN = re.compile(r"\d+")
_LONGEST_PLAIN = 30


@dataclass(frozen=True, slots=True)
class Token:
    """A number as it is written, and the readings of it: at least one, the likeliest first."""

    written: str
    readings: tuple[Reading, ...]


def use_plain_digits(text: str) -> str:
    """The text with digits of every script (Arabic-Indic, Devanagari, full width, …) as 0 to 9."""
    if text.isascii():
        return text
    return _FOREIGN_DIGIT.sub(lambda match: str(unicodedata.digit(match[0])), text)


def find_tokens(text: str, style: Style) -> list[Token]:
    """The numbers in digits of a text that `use_plain_digits` gave, in their order."""
    return [_read_token(written, style) for written in _TOKEN.findall(text)]


def normalise_value(whole: str, fraction: str = "") -> str:
    """`007`, `7.0` and `7` are the same value."""
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def multiply(value: str, factor: int) -> str:
    """A value times a power of ten (or what a word like "million" says), exactly."""
    whole, _, fraction = value.partition(".")
    if len(whole) + len(fraction) > _LONGEST_PLAIN:
        return value
    product = int(whole + fraction) * factor
    text = str(product).rjust(len(fraction) + 1, "0")
    return normalise_value(text[: len(text) - len(fraction)], text[len(text) - len(fraction) :])


def _read_token(written: str, style: Style) -> Token:
    if written.isdigit():
        return Token(written, ((normalise_value(written),),))
    plain = written.translate(_SEPARATORS)
    marks = {mark for mark in plain if not mark.isdigit()}
    parts = tuple(normalise_value(part) for part in _PLAIN.findall(plain))
    if len(marks) == 1:
        return Token(written, _read_one_mark(plain, marks.pop(), style, parts))
    return Token(written, (*_read_mixed(plain), parts))


def _read_one_mark(plain: str, mark: str, style: Style, parts: Reading) -> tuple[Reading, ...]:
    """A number with one kind of mark in it, once or several times."""
    is_grouped = _GROUPED.fullmatch(plain) is not None
    grouped: tuple[Reading, ...] = ((normalise_value(plain.replace(mark, "")),),) if is_grouped else ()
    if mark in "' ":
        return (*grouped, parts)
    if plain.count(mark) > 1:
        return (*grouped, parts)  # a date, a version, a list without spaces
    decimal: Reading = (normalise_value(*plain.split(mark)),)
    decimal_mark = {"dot": ".", "comma": ","}.get(style, mark)
    if style == "either":
        return (*grouped, decimal, parts)
    if mark == decimal_mark:
        return (decimal,) if is_grouped else (decimal, parts)
    return grouped or (decimal, parts)


def _read_mixed(plain: str) -> tuple[Reading, ...]:
    """Several kinds of marks: the last one stands before decimals where it stands once."""
    last = max(".,", key=plain.rfind)
    if plain.count(last) != 1 or last not in plain:
        return ()
    whole, fraction = plain.split(last)
    return ((normalise_value("".join(_PLAIN.findall(whole)), fraction),),) if fraction.isdigit() else ()
