"""Whether a translation is one: there, in its language, and of the same shape as its source."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from app.pipeline.formats import normalise_text
from app.pipeline.scripts import FOREIGN, LanguageDetector, count_scripts, decide_by_script
from app.pipeline.translation_examples import EXAMPLES
from app.pipeline.values import Pair, Rejection

CHECK_VERSION = "1"

_SCRIPT_LANGUAGES = frozenset({"zh", "ja", "ko", "ar"})
_LENGTHS = {
    "zh": (0.12, 1.3),
    "ja": (0.2, 1.8),
    "ko": (0.2, 1.7),
    "ar": (0.35, 1.9),
    "es": (0.5, 2.2),
    "de": (0.5, 2.2),
    "fr": (0.5, 2.2),
}
"""Characters of a translation per character of English: less is a fragment, more is chatter."""
_LENGTH_SLACK = 30
_LEAST_WORDS = 3  # of Latin text before its language is asked after
_SURE_WORDS = 6  # before a verdict for a third language counts
_LOOP = re.compile(r"(\S.{1,30}?)\1{7,}", re.DOTALL)
_LONGEST_UNIT = 31  # characters that _LOOP repeats at most; at least two
_PROBE, _PROBE_STEP = 8, 7  # eight units hold a whole probe with its repetition, wherever the probes begin
_QUESTION_ENDS = ("?", "？", "؟", "?»", '?"', "か。", "か", "？」", "？”")
_NEUTRAL = re.compile(r"https?://\S+|`[^`\n]*`|\[[\d.,\s-]*\]|\S*\d\S*")
_NEUTRAL_SIGN = re.compile(r"[\d`\[]|https?://")
_QUOTED = re.compile(r"[\"“”«»„「『']([^\"“”«»„「」『』'\n]{2,80})[\"“”«»「」』']")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*")
_LEAKED = re.compile(r"[\"'](?:instruction|response|languages|pair)[\"']\s*:|Reply with one JSON object", re.IGNORECASE)

# English words that neither Spanish, German nor French writes the same way.
_FUNCTION_WORD_LIST = (
    "about and appears are at because been behind being between can could did do does doing from had have "
    "holding how into is it its looks near not of seems she should sitting standing that the their them there "
    "these they this those to was wearing were what where which while who whose why with would you your"
)
# Words an English answer of one or two words is made of, and those of them another language has as well.
_SHORT_ANSWER_LIST = (
    "a an as black blue boy brown bus by car cars cat cats child children day dog dogs eight evening five for "
    "four girl grass gray green grey happy has he her his house in inside left man men morning night nine no "
    "nobody none nothing on one or orange outside people person pink purple red right road sad see seven six "
    "sky street ten three tree two water white woman women yellow yes"
)
_FUNCTION_WORDS = frozenset(_FUNCTION_WORD_LIST.split())
_SHORT_ANSWERS = _FUNCTION_WORDS | frozenset(_SHORT_ANSWER_LIST.split())
_SHARED_WORD_LIST = "a an as bus has he her in inside man no on or orange see was"
_SHARED_WORDS = frozenset(_SHARED_WORD_LIST.split())


def check_translation(
    source: Pair, translated: Pair | None, language: str, detector: LanguageDetector
) -> Rejection | None:
    """Why a translation is refused, or None when it may be kept.

    source: the English pair; translated: None where the reply lacked the language. Reasons: missing, empty,
    leaked_prompt, copied_example, confused (halves identical or swapped), degenerate, untranslated,
    wrong_language, length.
    """
    if translated is None:
        return Rejection("missing", f"the reply holds no {language}", language=language)
    kept = Pair(normalise_text(translated.instruction), normalise_text(translated.response))
    for find in _CHECKS:
        verdict = find(source, kept)
        if verdict is not None:
            return _refuse(verdict, kept, language)
    for side, english, text in (
        ("instruction", source.instruction, kept.instruction),
        ("response", source.response, kept.response),
    ):
        verdict = _find_language_fault(english, text, language, detector) or _find_length_fault(english, text, language)
        if verdict is not None:
            return _refuse((verdict[0], f"the {side} {verdict[1]}"), kept, language)
    return None


_Verdict = tuple[str, str]


def _refuse(verdict: _Verdict, pair: Pair, language: str) -> Rejection:
    return Rejection(verdict[0], verdict[1], f"{pair.instruction}\n{pair.response}".strip(), pair, None, language)


def _find_empty(_: Pair, translated: Pair) -> _Verdict | None:
    for side, text in (("instruction", translated.instruction), ("response", translated.response)):
        if not any(map(str.isalnum, text)):
            return "empty", f"the {side} holds no word"
    return None


def _find_leak(_: Pair, translated: Pair) -> _Verdict | None:
    match = _LEAKED.search(translated.instruction) or _LEAKED.search(translated.response)
    return None if match is None else ("leaked_prompt", f"it holds a part of the request: {match[0]!r}")


def _find_copied_example(source: Pair, translated: Pair) -> _Verdict | None:
    for english, translations in EXAMPLES:
        for example in translations.values():
            if (
                translated.instruction == example.instruction and _is_another(source.instruction, english.instruction)
            ) or (translated.response == example.response and _is_another(source.response, english.response)):
                return "copied_example", "it repeats an in-context example"
    return None


def _is_another(english: str, example: str) -> bool:
    """Whether two English texts share too few words for one translation to fit both."""
    words, example_words = set(_LATIN_WORD.findall(english.casefold())), set(_LATIN_WORD.findall(example.casefold()))
    return 2 * len(words & example_words) < len(words | example_words)


def _find_confusion(source: Pair, translated: Pair) -> _Verdict | None:
    differs = source.instruction.casefold() != source.response.casefold()
    if differs and translated.instruction.casefold() == translated.response.casefold():
        return "confused", "instruction and response are the same"
    asks = source.instruction.endswith("?") and not source.response.endswith("?")
    if asks and translated.response.endswith(_QUESTION_ENDS) and not translated.instruction.endswith(_QUESTION_ENDS):
        return "confused", "instruction and response are swapped"
    return None


def _find_loop(source: Pair, translated: Pair) -> _Verdict | None:
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


_CHECKS: tuple[Callable[[Pair, Pair], _Verdict | None], ...] = (
    _find_empty,
    _find_leak,
    _find_copied_example,
    _find_confusion,
    _find_loop,
)


def _find_language_fault(english: str, text: str, language: str, detector: LanguageDetector) -> _Verdict | None:
    """What is left without names, numbers, code and quoted words must be in the language."""
    rest = _strip_neutral(english, text)
    if language in _SCRIPT_LANGUAGES:
        return _find_script_fault(rest, language, detector)
    script = decide_by_script(rest)
    if script not in ("latin", None):
        return "wrong_language", f"is written in letters of {_name_script(script)}"
    return _find_latin_fault(english, rest, language, detector)


def _find_script_fault(rest: str, language: str, detector: LanguageDetector) -> _Verdict | None:
    script = decide_by_script(rest)
    words = [word.casefold() for word in _LATIN_WORD.findall(rest)]
    if sum(word in _FUNCTION_WORDS for word in words) >= 2:
        return "untranslated", "is in English, or a part of it is"
    if script == "latin":
        found = detector.detect(rest) if len(words) >= _LEAST_WORDS else None
        return (
            ("untranslated", "is left in Latin letters")
            if found in ("en", None)
            else ("wrong_language", f"is in {found}")
        )
    han_alone = script is None and language in ("zh", "ja")
    if script == language or han_alone or not any(count_scripts(rest).values()):
        return None
    return "wrong_language", f"is written in letters of {_name_script(script)}"


def _find_latin_fault(english: str, rest: str, language: str, detector: LanguageDetector) -> _Verdict | None:
    words = [word.casefold() for word in _LATIN_WORD.findall(rest)]
    same = words == _know_english(english).words_left
    telling = [word for word in words if word in _SHORT_ANSWERS and word not in _SHARED_WORDS]
    if same and (len(words) > _LEAST_WORDS or telling):
        return "untranslated", "is the English text"
    if len(words) < _LEAST_WORDS:
        return None
    functions = sum(word in _FUNCTION_WORDS for word in words)
    if functions >= 2 and functions * 4 >= len(words):
        return "untranslated", "is in English"
    found = detector.detect(rest)
    if found in (language, None):
        return None
    if found == "en":
        return ("untranslated", "is in English") if functions or len(words) >= _SURE_WORDS else None
    return ("wrong_language", f"is in {found}") if len(words) >= _SURE_WORDS else None


def _find_length_fault(english: str, text: str, language: str) -> _Verdict | None:
    least, most = _LENGTHS[language]
    if len(text) > most * len(english) + _LENGTH_SLACK:
        return "length", f"has {len(text)} characters for {len(english)} of English"
    if len(text) < least * len(english) - _LENGTH_SLACK / 5:
        return "length", f"has only {len(text)} characters for {len(english)} of English"
    return None


@dataclass(frozen=True, slots=True)
class _English:
    """An English text made ready for comparing: its names, and the words left without what all languages share."""

    names: frozenset[str]
    words_left: list[str]


@lru_cache(maxsize=32)
def _know_english(english: str) -> _English:
    """Seven translations are compared with the same text, one after another."""
    names = frozenset(word for word in _LATIN_WORD.findall(english) if _is_name(word))
    words = _LATIN_WORD.findall(_strip_names(names, _strip_marks(english, english)))
    return _English(names, [word.casefold() for word in words])


def _strip_neutral(english: str, text: str) -> str:
    """The text without what every language writes the same: numbers, links, code, quotations and names."""
    return _strip_names(_know_english(english).names, _strip_marks(english, text))


def _strip_marks(english: str, text: str) -> str:
    text = _QUOTED.sub(lambda match: " " if match[1] in english else match[0], text)
    return _NEUTRAL.sub(" ", text) if _NEUTRAL_SIGN.search(text) else text


def _strip_names(names: frozenset[str], text: str) -> str:
    if not any(map(text.__contains__, names)):
        return text
    return _LATIN_WORD.sub(lambda match: " " if match[0] in names else match[0], text)


def _is_name(word: str) -> bool:
    return word[0].isupper() and word.casefold() not in _SHORT_ANSWERS


def _name_script(script: str | None) -> str:
    return {FOREIGN: "another script", "latin": "Latin", None: "another script"}.get(script, str(script))
