"""Whether a translation is one: there, in its language, of the same shape and with the same facts as its source."""

import re
from collections.abc import Iterator, Sequence

from app.pipeline.formats import normalise_text
from app.pipeline.parity import leaks, marks, numbers, sentences, times
from app.pipeline.parity.english import English, blank_marks, know_english
from app.pipeline.parity.glossary import NO_GLOSSARY, Glossary, Term
from app.pipeline.parity.letters import find_language_fault, find_language_of_both
from app.pipeline.parity.numerals import use_plain_digits
from app.pipeline.parity.profiles import Profile, profile_of
from app.pipeline.parity.verdicts import Verdict
from app.pipeline.scripts import LanguageDetector
from app.pipeline.values import Finding, Pair, Rejection

_DIGIT = re.compile(r"\d")
_LENGTH_SLACK = 30
_TELLING_LENGTH = 15  # characters of English before the end of its translation is looked at
_LOOP = re.compile(r"(\S.{1,30}?)\1{7,}", re.DOTALL)
_LONGEST_UNIT = 31  # characters that _LOOP repeats at most; at least two
_PROBE, _PROBE_STEP = 8, 7  # eight units hold a whole probe with its repetition, wherever the probes begin
_QUESTION_ENDS = ("?", "？", "؟", "?»", '?"', "か。", "か", "？」", "？”")
_FAR_APART = 12  # characters between two halves; with fewer a short answer may well outgrow its question
_LONGER = 1.6  # how much longer one half is than the other before their order can be told by it


def check_translation(
    source: Pair,
    translated: Pair | None,
    language: str,
    detector: LanguageDetector,
    glossary: Glossary = NO_GLOSSARY,
) -> Rejection | None:
    """Why a translation is refused, or None when it may be kept.

    source: the English pair; translated: None where the reply lacked the language. The reason is the code of the
    first fault, the detail says all of them.
    """
    found = find_faults(source, translated, language, detector, glossary)
    if not found:
        return None
    if translated is None:
        return Rejection(found[0].code, found[0].detail, language=language)
    kept = Pair(normalise_text(translated.instruction), normalise_text(translated.response))
    text = f"{kept.instruction}\n{kept.response}".strip()
    return Rejection(found[0].code, "; ".join(finding.detail for finding in found), text, kept, None, language)


def find_faults(
    source: Pair,
    translated: Pair | None,
    language: str,
    detector: LanguageDetector,
    glossary: Glossary = NO_GLOSSARY,
) -> list[Finding]:
    """All that is wrong with a translation; of what is none at all (NO_TRANSLATION) only the first thing."""
    if translated is None:
        return [Finding("missing", f"the reply holds no {language}", {"language": language})]
    kept = Pair(normalise_text(translated.instruction), normalise_text(translated.response))
    for find in (_find_empty, leaks.find_leak, leaks.find_copied_example, _find_confusion, _find_loop):
        verdict = find(source, kept)
        if verdict is not None:
            return [Finding(verdict[0], verdict[1], {"language": language})]
    profile = profile_of(language)
    sides = (
        ("instruction", know_english(source.instruction), kept.instruction),
        ("response", know_english(source.response), kept.response),
    )
    for side, english, text in sides:
        verdict = find_language_fault(english, text, profile, detector) or _find_length_fault(english, text, profile)
        if verdict is not None:
            return [_to_finding(side, verdict, language)]
    verdict = find_language_of_both((kept.instruction, kept.response), profile, detector)
    if verdict is not None:
        return [_to_finding("pair", verdict, language)]
    terms = glossary.find(source.instruction), glossary.find(source.response)
    return [
        _to_finding(side, verdict, language)
        for (side, english, text), named in zip(sides, terms, strict=True)
        for verdict in _compare(english, text, profile, named)
    ]


def _to_finding(side: str, verdict: Verdict, language: str) -> Finding:
    return Finding(verdict[0], f"the {side} {verdict[1]}", {"language": language, "side": side})


def _compare(english: English, text: str, profile: Profile, terms: Sequence[Term]) -> Iterator[Verdict]:
    """What of the source a text of the right language lacks, or has beyond it."""
    boxes = marks.compare_boxes(english.boxes, text)
    figures = _compare_numbers(english, text, profile)
    if boxes is not None and figures is not None and figures[0] == "number":
        figures = None  # most likely one of the box
    found = (
        boxes,
        marks.compare_placeholders(english.placeholders, text),
        figures,
        marks.compare_items(english.items, marks.count_items(text)) if english.items else None,
        marks.find_direction_fault(english.text, text, is_rtl=profile.is_rtl),
        _find_missing_end(english, text, profile),
        sentences.find_repeated_sentence(text) if english.is_varied else None,
        *(_check_term(term, text, profile.code) for term in terms),
    )
    yield from (verdict for verdict in found if verdict is not None)


def _compare_numbers(english: English, text: str, profile: Profile) -> Verdict | None:
    if english.numbers.is_empty and _DIGIT.search(text) is None:
        return None
    plain = use_plain_digits(marks.blank_item_marks(blank_marks(english, text)))
    known = english.numbers
    if known.scores:
        plain = numbers.part_scores(known, plain)
    verdict = times.compare_times(known.times, known.spoken_times, plain, has_afternoon=known.has_afternoon)
    if verdict is not None:
        return verdict
    return numbers.find_number_fault(known, times.blank_times(plain), profile.base or profile.code, profile.style)


def _find_missing_end(english: English, text: str, profile: Profile) -> Verdict | None:
    if not profile.has_full_stop:
        return None
    if (
        english.ends_whole
        and len(english.text) >= _TELLING_LENGTH
        and (torn := sentences.find_torn_end(english.text, text))
    ):
        return torn
    return (
        sentences.find_lost_sentence(english.sentences, text, profile.typical) if len(english.sentences) > 1 else None
    )


def _check_term(term: Term, text: str, language: str) -> Verdict | None:
    wording = term.wording(language)
    if wording is None or wording in text or wording.casefold() in text.casefold():
        return None
    return "glossary", f"does not write {term.source!r} as {wording!r}"


def _find_empty(_: Pair, translated: Pair) -> Verdict | None:
    for side, text in (("instruction", translated.instruction), ("response", translated.response)):
        if not any(map(str.isalnum, text)):
            return "empty", f"the {side} holds no word"
    return None


def _find_confusion(source: Pair, translated: Pair) -> Verdict | None:
    differs = source.instruction.casefold() != source.response.casefold()
    if differs and translated.instruction.casefold() == translated.response.casefold():
        return "confused", "instruction and response are the same"
    asks = source.instruction.endswith("?") and not source.response.endswith("?")
    if asks and translated.response.endswith(_QUESTION_ENDS) and not translated.instruction.endswith(_QUESTION_ENDS):
        return "confused", "instruction and response are swapped"
    (first, second), (own_first, own_second) = _measure(source), _measure(translated)
    if abs(first - second) < _FAR_APART:
        return None
    if (second > _LONGER * first and own_first > _LONGER * own_second) or (
        first > _LONGER * second and own_second > _LONGER * own_first
    ):
        return "confused", "instruction and response are swapped"
    return None


def _measure(pair: Pair) -> tuple[int, int]:
    return len(pair.instruction), len(pair.response)


def _find_loop(source: Pair, translated: Pair) -> Verdict | None:
    for english, text in (
        (source.instruction, translated.instruction),
        (source.response, translated.response),
    ):
        match = _LOOP.search(text[:10_000]) if _may_loop(text[:10_000]) else None
        if match is not None and not _LOOP.search(english[:10_000]):
            return "degenerate", f"it repeats {match[1][:20]!r} over and over"
    return None


def _may_loop(text: str) -> bool:
    """False only where _LOOP finds nothing: in a loop every few characters come again one unit later."""
    for start in range(0, len(text) - _PROBE, _PROBE_STEP):
        end = start + _PROBE
        if text.find(text[start:end], start + 1, end + _LONGEST_UNIT) >= 0:
            return True
    return False


def _find_length_fault(english: English, text: str, profile: Profile) -> Verdict | None:
    least, most = profile.lengths
    length = len(english.text)
    if len(text) > most * length + _LENGTH_SLACK:
        return "length", f"has {len(text)} characters for {length} of English"
    if len(text) < least * length - _LENGTH_SLACK / 5:
        return "length", f"has only {len(text)} characters for {length} of English"
    return None
