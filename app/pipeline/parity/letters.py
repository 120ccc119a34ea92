"""Whether a text is in its language: by its letters, its English words, and a detector where letters do not decide."""

import unicodedata
from functools import lru_cache

from app.pipeline.language_table import LETTER_NAMES
from app.pipeline.language_tags import name_tag
from app.pipeline.parity.english import (
    FUNCTION_WORDS,
    LATIN_WORD,
    SHORT_ANSWERS,
    English,
    list_runs,
    strip_neutral,
)
from app.pipeline.parity.profiles import Profile
from app.pipeline.parity.verdicts import Verdict
from app.pipeline.scripts import FOREIGN, LanguageDetector, count_scripts, decide_by_script

_SCRIPT_LANGUAGES = frozenset({"zh", "ja", "ko", "ar"})
_LEAST_WORDS = 3  # of Latin text before its language is asked after
_SURE_WORDS = 6  # before a verdict for a third language counts
_SHARED_WORD_LIST = "a an as bus has he her in inside man no on or orange see was"
_SHARED_WORDS = frozenset(_SHARED_WORD_LIST.split())
_OWN_WORD_LIST = {
    "es": "el los las una está están qué cuál cuánto cuántos cuántas dónde cómo con por y del hay al su sus sobre más "
    "muy junto tiene como mientras para también desde entre ella fue lleva dos tres sí porque así pero",
    "de": "der die das ist sind und ein eine einen einem einer wie wo welche welcher welches auf mit dem den im zu "
    "nicht steht von aus bei sich auch sie er wird hat oder nach vor neben zwei drei noch wenn als um zeigt "
    "über ja nein",
    "fr": "le est sont une dans et qui il ils elle elles où quel quelle quelles combien à au aux pour sur avec mes ce "
    "cette ces ne pas deux trois près leur côté très être ont sa son devant puis oui non",
}
_OWN_WORDS = {language: frozenset(words.split()) for language, words in _OWN_WORD_LIST.items()}
"""Words by which a few words of Latin text are told apart where the detector is not sure enough by itself."""
_PLAIN_WORDS, _PLAIN_RATIO = 2, 4
_LONGEST_KANJI = 5  # letters of a Japanese sentence that has no kana
_SIMPLIFIED = frozenset(
    "这们吗没个说为对时还东车门马鱼鸟红绿蓝两从发开关见让边过进运动问谁样实现图间头长学习书买卖读话语认讲请谢该记张条块脸飞机场楼电视"
)
_TRADITIONAL = frozenset(
    "這們嗎沒個說為對時還東車門馬魚鳥紅綠藍兩從發開關見讓邊過進運動問誰樣實現圖間頭長學習書買賣讀話語認講請謝該記張條塊臉飛機場樓電視"
)
_LEAST_FORMS = 2
_LEAST_SHARE = 0.6  # of the letters that are of the language's script


def find_language_fault(english: English, text: str, profile: Profile, detector: LanguageDetector) -> Verdict | None:
    """What is left without names, numbers, code and quoted words must be in the language."""
    rest = strip_neutral(english, text)
    if profile.base in _SCRIPT_LANGUAGES:
        return _find_script_fault(english, rest, profile, detector)
    if not profile.base:
        return _find_further_fault(english, rest, profile, detector)
    script = decide_by_script(rest)
    if script not in ("latin", None) or (script is None and any(count_scripts(rest).values())):
        return "wrong_language", f"is written in letters of {_name_script(script)}"
    return _find_latin_fault(english, rest, profile.base, detector)


def find_language_of_both(halves: tuple[str, str], profile: Profile, detector: LanguageDetector) -> Verdict | None:
    """A verdict over both halves together, where one of them is too short for one."""
    if profile.base not in {"es", "de", "fr"} or min(len(half.split()) for half in halves) >= _SURE_WORDS:
        return None
    text = " ".join(halves)
    if len(text.split()) < _SURE_WORDS:
        return None
    found = detector.detect(text)
    return None if found in (profile.base, None) else ("wrong_language", f"is in {found}")


def _find_script_fault(english: English, rest: str, profile: Profile, detector: LanguageDetector) -> Verdict | None:
    language = profile.base
    script = decide_by_script(rest)
    left_over = _find_english_words(english, rest)
    if left_over is not None:
        return left_over
    if script == "latin":
        words = LATIN_WORD.findall(rest)
        found = detector.detect(rest) if len(words) >= _LEAST_WORDS else None
        return (
            ("untranslated", "is left in Latin letters")
            if found in ("en", None)
            else ("wrong_language", f"is in {found}")
        )
    if language in ("zh", "ja"):
        return _find_han_fault(rest, script, profile)
    if script == language or not any(count_scripts(rest).values()):
        return None
    return "wrong_language", f"is written in letters of {_name_script(script)}"


def _find_english_words(english: English, rest: str) -> Verdict | None:
    """English among letters of another script: function words, or a stretch of the source."""
    words = [word.casefold() for word in LATIN_WORD.findall(rest)]
    if sum(word in FUNCTION_WORDS for word in words) >= 2:
        return "untranslated", "is in English, or a part of it is"
    shared = english.runs.intersection(list_runs(words)) if len(words) >= _LEAST_WORDS else None
    return ("untranslated", f"leaves {' '.join(min(shared))!r} in English") if shared else None


def _find_han_fault(rest: str, script: str | None, profile: Profile) -> Verdict | None:
    if script not in (profile.base, None):
        return "wrong_language", f"is written in letters of {_name_script(script)}"
    if profile.base == "ja" and script is None and count_scripts(rest)["han"] > _LONGEST_KANJI:
        return "wrong_language", "is written without any kana"
    if profile.base == "zh":
        return _find_form_fault(rest, is_traditional=profile.script == "Hant")
    return None


def _find_form_fault(rest: str, *, is_traditional: bool) -> Verdict | None:
    """Chinese characters of the other form."""
    letters = set(rest)
    simplified, traditional = len(letters & _SIMPLIFIED), len(letters & _TRADITIONAL)
    if is_traditional and simplified >= _LEAST_FORMS and simplified > traditional:
        return "wrong_language", "is in simplified characters"
    if not is_traditional and traditional >= _LEAST_FORMS and traditional > simplified:
        return "wrong_language", "is in traditional characters"
    return None


def _find_latin_fault(english: English, rest: str, language: str, detector: LanguageDetector) -> Verdict | None:
    words = [word.casefold() for word in LATIN_WORD.findall(rest)]
    verdict = _find_english_left(english, words)
    if verdict is not None or len(words) < _LEAST_WORDS:
        return verdict
    functions = sum(word in FUNCTION_WORDS for word in words)
    if functions >= 2 and functions * 4 >= len(words):
        return "untranslated", "is in English"
    if _is_plainly(language, words):
        return None
    found = detector.detect(rest)
    if found in (language, None):
        return None
    if found == "en":
        return ("untranslated", "is in English") if functions or len(words) >= _SURE_WORDS else None
    own, others = (len(_OWN_WORDS[code].intersection(words)) for code in (language, found))
    is_sure = own <= others if len(words) >= _SURE_WORDS else own == 0 < others
    return ("wrong_language", f"is in {found}") if is_sure else None


def _is_plainly(language: str, words: list[str]) -> bool:
    """Whether words tell the language so well that no detector need be asked, which costs more than all else."""
    said = set(words)
    others = max(len(said & own) for other, own in _OWN_WORDS.items() if other != language)
    return len(said & _OWN_WORDS[language]) >= max(_PLAIN_WORDS, _PLAIN_RATIO * others)


def _find_english_left(english: English, words: list[str]) -> Verdict | None:
    """The English text itself, or some of its words in a row."""
    if words == english.words_left:
        telling = [word for word in words if word in SHORT_ANSWERS and word not in _SHARED_WORDS]
        if len(words) > _LEAST_WORDS or telling:
            return "untranslated", "is the English text"
    if len(words) < _LEAST_WORDS:
        return None
    shared = english.runs.intersection(list_runs(words))
    if not shared:
        return None
    functions = max(sum(word in FUNCTION_WORDS for word in run) for run in shared)
    if functions >= 2 or len(shared) >= 2:
        return "untranslated", f"leaves {' '.join(min(shared))!r} in English"
    return None


def _find_further_fault(english: English, rest: str, profile: Profile, detector: LanguageDetector) -> Verdict | None:
    """A language that no table knows: its letters must be of its script, and not be English."""
    words = [word.casefold() for word in LATIN_WORD.findall(rest)]
    left_over = _find_english_left(english, words) if profile.script == "Latn" else _find_english_words(english, rest)
    if left_over is not None:
        return left_over
    fault = _find_foreign_letters(rest, profile)
    if fault is not None:
        return fault
    if profile.script in {"Hans", "Hant"}:
        return _find_form_fault(rest, is_traditional=profile.script == "Hant")
    functions = sum(word in FUNCTION_WORDS for word in words)
    if profile.script == "Latn" and functions >= 3 and functions * 3 >= len(words):
        return "untranslated", "is in English"
    found = detector.tell(rest, profile.code) if len(rest.split()) >= _SURE_WORDS else None
    if found in (None, profile.code):
        return None
    return ("untranslated", "is in English") if found == "en" else ("wrong_language", f"is in {name_tag(found)}")


def _find_foreign_letters(rest: str, profile: Profile) -> Verdict | None:
    own = LETTER_NAMES.get(profile.script)
    letters = [_name_letter(character) for character in rest if character.isalpha()]
    if own is None or not letters:
        return None
    if sum(name in own for name in letters) >= _LEAST_SHARE * len(letters):
        return None
    most = max(set(letters), key=letters.count)
    if most == "LATIN":
        return "untranslated", "is left in Latin letters"
    return "wrong_language", f"is written in {most.capitalize()} letters"


@lru_cache(maxsize=4096)
def _name_letter(character: str) -> str:
    """The script of a letter, as the first word of its name in Unicode."""
    return unicodedata.name(character, "").partition(" ")[0]


def _name_script(script: str | None) -> str:
    return {FOREIGN: "another script", "latin": "Latin", None: "another script"}.get(script, str(script))
