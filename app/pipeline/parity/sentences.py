"""Sentences of a text in any script: where they end, whether the last one does, whether one is said twice."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import combinations, pairwise
from math import log

from app.pipeline.parity.verdicts import Verdict

_END = re.compile(
    r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?…]+[\"”»')\]]*(?=\s|$)(?!\s+[a-z])(?!(?<=\bNo\.)\s\d)"
    r"|[。！？｡]+[”」』）)\"]*|[؟۔।॥։።။។፧]+|\n+"
)
_BREAKS = frozenset(",،、，؛:：-–—([{«“‘„「『（【/&+=")
_INNER_ENDS = (". ", "? ", "! ", "؟ ", "… ", "\n", "।", "۔", ".”", ".»", '."', ".)")
_WIDE_ENDS = "。！？"
_INNER_MARKS = ";%]"
_GREEK = re.compile("[\u0370-\u03ff]")  # it asks with a semicolon
_ELLIPSIS = ("…", "...")
_LEAST_REPEATED = 5
_MOST_SEPARATING = 2
_MOST_SENTENCES = 12


def split_sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without their ends."""
    return [sentence for part in _END.split(text) if (sentence := part.strip())]


def ends_whole(text: str) -> bool:
    """Whether the last sentence ends with a mark that may end one."""
    last = text[-1:]
    if not last or last in _BREAKS or text.endswith(_ELLIPSIS):
        return False
    return unicodedata.category(last)[0] in "PS"


def find_torn_end(english: str, text: str) -> Verdict | None:
    """The end of a text whose source ends as a whole."""
    is_inner = text[-1:] in _INNER_MARKS and text[-1:] != english[-1:]
    if ends_whole(text) and not (is_inner and _GREEK.search(text) is None):
        return None
    return "truncated", f"breaks off at its end: {text[-12:]!r}"


def find_repeated_sentence(text: str) -> Verdict | None:
    """A text that says a sentence, or all of itself, twice."""
    if _is_doubled(text):
        return "degenerate", "is there twice"
    sentences = split_sentences(text) if _may_be_several(text) else []
    if len(sentences) < 2 or len(set(sentences)) == len(sentences):
        return None
    for sentence, following in zip(sentences, [*sentences[1:], ""], strict=True):
        if sentence == following or (len(sentence) >= _LEAST_REPEATED and sentences.count(sentence) > 1):
            return "degenerate", f"says {sentence[:30]!r} twice"
    return None


def find_lost_sentence(lengths: tuple[int, ...], text: str, typical: float) -> Verdict | None:
    """Fewer sentences than the source has, where leaving some out explains their lengths better than joining some.

    lengths: of the sentences of the source, in characters; typical: characters of this language for one of English
    """
    if not 2 <= len(lengths) <= _MOST_SENTENCES:
        return None
    found = [len(sentence) for sentence in split_sentences(text)]
    if not 0 < len(found) < len(lengths):
        return None
    joined = min(_misfit(found, groups, typical) for groups in _join(lengths, len(found)))
    left_out = min(_misfit(found, kept, typical) for kept in combinations(lengths, len(found)))
    if left_out >= joined:
        return None
    return "truncated", f"has {len(found)} of {len(lengths)} sentences and is short"


def _join(lengths: tuple[int, ...], parts: int) -> Iterator[tuple[int, ...]]:
    """Every way of joining neighbours to so many parts."""
    for cuts in combinations(range(1, len(lengths)), parts - 1):
        edges = (0, *cuts, len(lengths))
        yield tuple(sum(lengths[start:end]) for start, end in pairwise(edges))


def _misfit(found: list[int], lengths: tuple[int, ...], typical: float) -> float:
    """How unlikely it is that these sentences have those lengths: their ratios differ, or are not the usual one."""
    ratios = [log(own / other) for own, other in zip(found, lengths, strict=True)]
    middle = sum(ratios) / len(ratios)
    return sum((ratio - middle) ** 2 for ratio in ratios) + (middle - log(typical)) ** 2


def _may_be_several(text: str) -> bool:
    """False only where a text is one sentence."""
    return any(end in text for end in _INNER_ENDS) or sum(map(text.count, _WIDE_ENDS)) > 1


def _is_doubled(text: str) -> bool:
    for separating in range(_MOST_SEPARATING + 1):
        half, odd = divmod(len(text) - separating, 2)
        if not odd and half >= _LEAST_REPEATED and text[:half] == text[half + separating :]:
            return True
    return False
