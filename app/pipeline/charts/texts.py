"""Texts of a drawing: harmless in XML, measured without a font, cut to what fits; and numbers as people read them."""

import re
import unicodedata
from html import escape

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BIDI_MARKS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[]/ -"), frozenset("mwMW@%&")
_ELLIPSIS = "…"


def clean_text(text: str) -> str:
    """One line that XML can hold: control characters, lone surrogates and marks that turn the writing are gone."""
    return " ".join(_BIDI_MARKS.sub("", _NOT_XML.sub("\ufffd", text)).split())


def escape_text(text: str) -> str:
    """A text as content or as the value of an attribute."""
    return escape(clean_text(text), quote=True)


def measure_text(text: str, size: float) -> float:
    """About how wide a text is, in the unit of `size`; rather too wide than too narrow, since fonts differ."""
    return size * sum(map(_measure_character, text))


def fit_text(text: str, size: float, width: float) -> str:
    """The text, or as much of its beginning as fits with an ellipsis; empty where not even that fits."""
    text = clean_text(text)
    if measure_text(text, size) <= width:
        return text
    kept = ""
    for character in text:
        if measure_text(kept + character + _ELLIPSIS, size) > width:
            break
        kept += character
    return kept.rstrip() + _ELLIPSIS if kept.strip() else ""


def show_number(number: float, digits: int = 1) -> str:
    """`1,234,567` for whole numbers, `12.3` for others."""
    if float(number).is_integer():
        return f"{int(number):,}"
    return f"{number:,.{digits}f}"


def show_short(number: float) -> str:
    """A number for an axis: `900`, `1.5k`, `20k`, `3M`."""
    for size, mark in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}".rstrip("0").rstrip(".") + mark
    return show_number(number)


def show_share(part: float, whole: float) -> str:
    """`12.3 %` of a whole; `0 %` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def _measure_character(character: str) -> float:
    if character in _NARROW:
        return 0.36
    if character in _WIDE:
        return 0.92
    if unicodedata.east_asian_width(character) in "WF":
        return 1.02
    if unicodedata.combining(character):
        return 0.0
    return 0.7 if character.isupper() else 0.59
