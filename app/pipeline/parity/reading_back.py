"""Whether what was read back from a translation says what its source says."""

import re

from app.pipeline.formats import normalise_text
from app.pipeline.parity.english import FUNCTION_WORDS, blank_marks, know_english
from app.pipeline.parity.marks import blank_item_marks
from app.pipeline.parity.numbers import find_number_fault
from app.pipeline.parity.numerals import use_plain_digits
from app.pipeline.parity.times import blank_times
from app.pipeline.values import Finding, Pair

LEAST_SHARED = 0.15
"""Of the content words of source and back-translation together; two wordings of one thing share half of them or so."""
_LEAST_WORDS, _LEAST_TOGETHER = 4, 5
_NO_DENIAL = re.compile(r"[\"“][^\"“”\n]{1,80}[\"”]|\bNo\. ?\d")
_WORD = re.compile(r"[^\W\d_]+")
_EMPTY_LIST = "a an he her his in on or she of i me my we our us him by for as also very too s t"
_NEGATION_LIST = "no not never nobody nothing none neither nor without cannot"
_EMPTY = FUNCTION_WORDS | frozenset(_EMPTY_LIST.split())
_NEGATIONS = frozenset(_NEGATION_LIST.split())
_ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly", "e", "y")
_LEAST_STEM = 3


def find_disagreement(source: Pair, back: Pair | None, language: str) -> Finding | None:
    """A finding where numbers, a negation, or most of the words of a pair did not come back.

    back: the English of the translation; None where the reply lacked it, which is a disagreement too.
    """
    if back is None:
        return Finding("back_translation", f"the reply reads no {language} back", {"language": language})
    for side, english, read in (
        ("instruction", source.instruction, normalise_text(back.instruction)),
        ("response", source.response, normalise_text(back.response)),
    ):
        said = _compare(english, read)
        if said is not None:
            evidence = {"language": language, "side": side, "back_translation": read[:500]}
            return Finding("back_translation", f"the {side}, read back into English, {said}: {read[:200]!r}", evidence)
    return None


def _compare(english: str, read: str) -> str | None:
    known = know_english(english)
    plain = blank_times(use_plain_digits(blank_item_marks(blank_marks(known, read))))
    number = find_number_fault(known.numbers, plain, "en", "dot")
    if number is not None:
        return number[1]
    words, read_words = _list_words(english), _list_words(read)
    if len(words) >= _LEAST_WORDS and _denies(english) != _denies(read):
        return "gains or loses a negation"
    stems, read_stems = _stem_all(words), _stem_all(read_words)
    together = stems | read_stems
    if len(together) >= _LEAST_TOGETHER and len(stems & read_stems) < LEAST_SHARED * len(together):
        return "says something else"
    return None


def _denies(text: str) -> bool:
    """Outside of quotations, since a sign says "No parking" or "Parking forbidden"; and "No. 5" is a number."""
    return not _NEGATIONS.isdisjoint(_list_words(_NO_DENIAL.sub(" ", text)))


def _list_words(text: str) -> set[str]:
    folded = text.casefold().replace("n't", " not").replace("n’t", " not")
    return set(_WORD.findall(folded))


def _stem_all(words: set[str]) -> set[str]:
    return {_cut_ending(word) for word in words if word not in _EMPTY and word not in _NEGATIONS}


def _cut_ending(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word[: -len(ending)]
    return word
