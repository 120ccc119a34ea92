"""The one form in which texts are kept: what PostgreSQL can hold, with plain newlines and no margin."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """The text without what PostgreSQL TEXT cannot hold: NUL goes, a lone surrogate becomes U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def normalise_text(text: str) -> str:
    """The text as it is stored: cleaned, every newline a line feed, no white space at either end.

    Idempotent. Nothing inside the text changes beyond that: white space within and empty lines stay.
    """
    text = clean_text(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()
