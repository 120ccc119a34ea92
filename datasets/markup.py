"""Makes plain text of what people typed into web forms: without HTML, control characters and runs of white space."""

import html
import re

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>|<!--.{0,2000}?-->", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MOST_ROUNDS = 3  # photo sites escape text that was escaped before


def strip_markup(text: str) -> str:
    """The text as a reader of the page saw it, on one line; `a < b` and `<3` are no tags and stay."""
    for _ in range(_MOST_ROUNDS):
        plain = html.unescape(_TAG.sub(" ", text))
        if plain == text:
            break
        text = plain
    return " ".join(_CONTROL.sub(" ", _TAG.sub(" ", text)).split())
