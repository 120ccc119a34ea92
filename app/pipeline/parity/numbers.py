"""Whether a translation has the numbers of its source, in digits or in words, and no others."""

import re
from collections import Counter
from dataclasses import dataclass

from app.pipeline.parity.marks import BOX, blank_item_marks
from app.pipeline.parity.number_words import (
    NUMBER_WORDS,
    WORD_LANGUAGES,
    read_cardinals,
    read_places,
    read_several,
)
from app.pipeline.parity.numerals import Style, Token, find_tokens, multiply, use_plain_digits
from app.pipeline.parity.times import Time, blank_times, find_spoken_times, find_times, is_afternoon
from app.pipeline.parity.verdicts import Verdict

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]+")
_ONE = re.compile(
    r"\b(?:only|just|exactly|has|have|with|is|shows?|least|holds?|contains?|see)\s+one\s+(?!of\b|another\b|after\b|day\b"
    r"|side\b|by\b|more\b|that\b|who\b|which\b|in\b|on\b|at\b|and\b|with\b)[a-z]",
    re.IGNORECASE,
)
_SCALED = re.compile(
    r"(\d[\d.,٫٬'\u00a0\u202f ]*?)\s?-?(thousand|million|billion|mil(?:l[oó]n(?:es)?)?(?![a-z])|millones|Millionen?"
    r"|Mio\.?|Milliarden?|millions?|milliards?|Tausend|[十百千万萬億亿만억천백]+|ألف|آلاف|مليون|ملايين|مليار)"
)
_FACTORS = {
    "thousand": 1000, "mil": 1000, "tausend": 1000, "千": 1000, "천": 1000, "ألف": 1000, "آلاف": 1000, "million": 10**6,
    "millón": 10**6, "millon": 10**6, "millones": 10**6, "millionen": 10**6, "mio": 10**6, "mio.": 10**6,
    "millions": 10**6, "مليون": 10**6, "ملايين": 10**6, "billion": 10**9, "milliarde": 10**9, "milliarden": 10**9,
    "milliard": 10**9, "milliards": 10**9, "مليار": 10**9, "十": 10, "百": 100, "백": 100, "万": 10**4, "萬": 10**4,
    "만": 10**4, "百万": 10**6, "百萬": 10**6, "千万": 10**7, "천만": 10**7, "백만": 10**6,
    "億": 10**8, "亿": 10**8, "억": 10**8,
}  # fmt: skip
_SCALE_SIGN = re.compile(r"\d\s?-?(?:thousand|[mb]il|Mi|Tau|[十百千万萬億亿만억천백]|ألف|آلا|ملي|ملا)")
_DECADE = re.compile(r"\b(\d{2})(\d0)s\b")
_PART_LIST = "thirds fourths fifths sixths sevenths eighths ninths tenths"
_QUARTER = ("4", "15", "25", "45")
_SCORE = re.compile(r"(?<![\d:.,-])(\d{1,3})(?:[-–]| to )(\d{2})(?![\d:.,-])")
_FRACTIONS = {"half": ("2", "50"), "quarter": _QUARTER, "quarters": _QUARTER, "noon": ("12",), "midnight": ("12", "24")}
_FRACTIONS |= {part: (str(number),) for number, part in enumerate(_PART_LIST.split(), start=3)}
_FEW = frozenset(str(value) for value in range(21))
_SCALES = frozenset(10**zeros for zeros in range(2, 10))
_DUAL_LANGUAGES = frozenset({"ar", "he", "sl"})


@dataclass(frozen=True, slots=True)
class EnglishNumbers:
    """tokens: numbers in digits that must be there; counts: numbers in words that must be there

    allowed: every value a translation may name
    scores: `21-14` and the like, which other languages write with a colon
    """

    tokens: tuple[Token, ...]
    counts: frozenset[str]
    allowed: frozenset[str]
    times: tuple[Time, ...]
    spoken_times: frozenset[Time]
    has_afternoon: bool
    scores: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.tokens or self.counts or self.times)


_NO_NUMBERS = EnglishNumbers((), frozenset(), frozenset({"1"}), (), frozenset(), False)
_NUMBER_WORDS = NUMBER_WORDS | frozenset(_FRACTIONS)


def read_english_numbers(text: str) -> EnglishNumbers:
    """The numbers of an English text without its boxes and placeholders."""
    bare = use_plain_digits(blank_item_marks(BOX.sub(" ", text) if "[" in text or "(" in text else text))
    words = set(_WORD.findall(bare.casefold()))
    has_words, has_digits = not _NUMBER_WORDS.isdisjoint(words), _DIGIT.search(bare) is not None
    if not has_words and not has_digits:
        return _NO_NUMBERS
    times = find_times(bare)
    spoken = find_spoken_times(bare) if words & {"past", "to"} else set()
    afternoon = is_afternoon(bare)
    tokens = _read_tokens(blank_times(bare)) if has_digits else ()
    cardinals = read_cardinals(bare, "en") if has_words else []
    counts = {str(value) for value in cardinals if value > 1 and value not in _SCALES}
    if "one" in words and _ONE.search(bare):
        counts.add("1")
    allowed = {"1"} | {value for token in tokens for reading in token.readings for value in reading}
    allowed |= {str(value) for value in (*cardinals, *read_several(bare, "en"), *read_places(bare, "en"))}
    allowed |= {str(part) for time in (*times, *spoken) for part in time}
    for century, decade in _DECADE.findall(bare):
        allowed |= {decade, str(int(century) + 1)}
    if afternoon:
        hours = {int(value) for value in allowed if value.isdigit() and len(value) <= 2}
        allowed |= {str(hour + 12) for hour in hours if hour < 12}
    allowed |= {value for word, values in _FRACTIONS.items() if word in words for value in values}
    scores = frozenset(_SCORE.findall(bare)) if has_digits else frozenset()
    return EnglishNumbers(
        tokens, frozenset(counts), frozenset(allowed), tuple(times), frozenset(spoken), afternoon, scores
    )


def part_scores(english: EnglishNumbers, text: str) -> str:
    """The text with the scores of its source as two numbers, where a colon would make times of them."""
    for first, second in english.scores:
        text = re.sub(rf"(?<!\d){first}\s?[:：]\s?{second}(?![\d:])", f"{first} - {second}", text)
    return text


def find_number_fault(english: EnglishNumbers, text: str, language: str, style: Style) -> Verdict | None:
    """A number that is lacking or too many; `text` has plain digits, and neither boxes nor placeholders nor times.

    Digits must agree both ways. Numbers in words count as wrong only where one is lacking and another one is there
    instead: languages say "both", "a pair" or a dual for two.
    """
    tokens = find_tokens(_spell_out(text, style), style) if _DIGIT.search(text) else []
    if not tokens and english.is_empty:
        return None
    if not english.counts and _is_alike(english.tokens, tokens):
        return None
    surplus = next((token for token in tokens if not _is_allowed(token, english.allowed)), None) or _find_repeated(
        english, tokens
    )
    found = {value for token in tokens for reading in token.readings for value in reading}
    words: list[int] = []
    counted = found
    if english.counts or not _hold_all(english.tokens, found):
        words = read_cardinals(text, language)
        counted = found | {str(value) for value in (*words, *read_several(text, language))}
        found = counted | {str(value) for value in read_places(text, language)}
    lacking = _find_lacking(english, found, language, has_surplus=surplus is not None)
    if lacking is not None:
        return "number", f"lacks the number {lacking.written}"
    if surplus is not None:
        return "number", f"has the number {surplus.written}, which the English has not"
    return _compare_words(english, counted, words)


def _is_alike(english: tuple[Token, ...], tokens: list[Token]) -> bool:
    """The same digits in the same order, with no mark in them that may be read in two ways."""
    written = [token.written for token in tokens]
    return written == [token.written for token in english] and all(map(str.isdigit, written))


def _find_repeated(english: EnglishNumbers, tokens: list[Token]) -> Token | None:
    """A number that stands there more often than in the English, where nothing but digits can have brought it."""
    known = Counter(token.readings[0] for token in english.tokens)
    said = Counter(token.readings[0] for token in tokens)
    return next(
        (token for token in tokens if 0 < known[token.readings[0]] < said[token.readings[0]] and not english.counts),
        None,
    )


def _is_allowed(token: Token, allowed: frozenset[str]) -> bool:
    return any(all(value in allowed or value == "0" for value in reading) for reading in token.readings)


def _holds(token: Token, found: set[str]) -> bool:
    return any(all(value in found for value in reading) for reading in token.readings)


def _hold_all(tokens: tuple[Token, ...], found: set[str]) -> bool:
    return all(_holds(token, found) for token in tokens)


def _find_lacking(english: EnglishNumbers, found: set[str], language: str, *, has_surplus: bool) -> Token | None:
    is_read = language in WORD_LANGUAGES
    is_dual = language in _DUAL_LANGUAGES and not has_surplus
    for token in english.tokens:
        if _holds(token, found) or token.readings[0] == ("0",):
            continue
        if not is_read and not has_surplus and all(value in _FEW for value in token.readings[0]):
            continue  # it may stand there as a word, which is not read in this language
        if _is_said_otherwise(token, english, found) or (is_dual and token.readings[0] == ("2",)):
            continue
        return token
    return None


def _is_said_otherwise(token: Token, english: EnglishNumbers, found: set[str]) -> bool:
    """`1990s` as 90, `3 pm` as 15."""
    number = token.readings[0][0]
    if len(number) == 4 and number[2:] in english.allowed and number[2:] in found:
        return True
    return english.has_afternoon and number.isdigit() and len(number) <= 2 and str(int(number) + 12) in found


def _compare_words(english: EnglishNumbers, counted: set[str], words: list[int]) -> Verdict | None:
    lacking = [value for value in english.counts if value not in counted]
    if not lacking:
        return None
    others = [value for value in words if value > 1 and value not in _SCALES and str(value) not in english.allowed]
    if not others:
        return None
    return "number", f"says {others[0]} where the English says {lacking[0]}"


def _read_tokens(text: str) -> tuple[Token, ...]:
    """The numbers of an English text; one with `million` behind it may be said either way."""
    bases: dict[str, str] = {}
    tokens = find_tokens(_spell_out(text, "dot", bases), "dot")
    return tuple(
        Token(token.written, (*token.readings, (bases[token.written],))) if token.written in bases else token
        for token in tokens
    )


def _spell_out(text: str, style: Style, bases: dict[str, str] | None = None) -> str:
    """`2.5 million` and `250万` as 2500000; what stood before the word is noted in `bases`."""
    if _SCALE_SIGN.search(text) is None:
        return text

    def spell(match: re.Match[str]) -> str:
        factor = _FACTORS.get(match[2].casefold())
        readings = find_tokens(match[1], style)[0].readings
        if factor is None or len(readings[0]) != 1:
            return match[0]
        product = multiply(readings[0][0], factor)
        if bases is not None:
            bases[product] = readings[0][0]
        return product

    return _SCALED.sub(spell, text)
