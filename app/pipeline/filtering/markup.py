"""Markup and addresses of the web, where plain sentences belong."""

import re

from app.pipeline.filtering.rules import Candidate, ReplyContext, Rule

_URL = re.compile(
    r"\b(?:https?|ftp)://[^\s<>\"')\]]+|\bwww\.[a-z0-9-]+(?:\.[a-z0-9-]+)+|\bmailto:\S+@\S+", re.IGNORECASE
)
_MARKUP = re.compile(
    r"```"  # a fence of code
    r"|!?\[[^\]\n]{0,200}\]\([^)\s]{1,500}\)"  # a link or a picture
    r"|</?(?:a|b|i|u|p|br|hr|em|ul|ol|li|h[1-6]|div|img|pre|code|span|strong|table|tr|td|th|sub|sup|font|think)\b[^<>]{0,200}>"
    r"|&(?:nbsp|amp|lt|gt|quot|apos|#\d{1,5}|#x[0-9a-f]{1,4});"
    r"|(?:^|\n)#{1,6} \S"  # a heading
    r"|(?:^|\n)\|[^\n]*\|[ \t]*\n\|[ :|-]+\|"  # a table
    r"|(?<![\w*])\*\*[^*\n]{1,200}\*\*(?![\w*])|(?<![\w_])__[^_\n]{1,200}__(?![\w_])"
    r"|\\(?:text|frac|mathbf|begin|end|cdot|times)\b|\$\$",
    re.IGNORECASE,
)


_URL_WORDS = frozenset({"http", "https", "ftp", "www", "mailto"})


def _find_url(candidate: Candidate, _: ReplyContext) -> str:
    match = _URL.search(candidate.pair.instruction) or _URL.search(candidate.pair.response)
    return f"an address: {match[0][:80]!r}" if match else ""


def _find_markup(candidate: Candidate, _: ReplyContext) -> str:
    match = _MARKUP.search(candidate.pair.instruction) or _MARKUP.search(candidate.pair.response)
    return f"markup: {match[0].strip()[:60]!r}" if match else ""


MARKUP: tuple[Rule, ...] = (
    Rule("url", "markup", "An address of the web stands in the pair.", _find_url, words=_URL_WORDS),
    Rule(
        "markup",
        "markup",
        "Markup is left in the pair after repair: HTML, Markdown, LaTeX.",
        _find_markup,
        literals=("`", "]", "<", "&", "#", "|", "*", "_", "\\", "$"),
    ),
)
