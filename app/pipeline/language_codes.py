"""The languages of pairs: the eight that are known by heart, any other by its tag, and how people write either."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from app.errors import Fault
from app.pipeline.language_tags import is_known, name_tag, spell_tag, split_tag

SOURCE_LANGUAGE = "en"
LANGUAGES: dict[str, str] = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "es": "Spanish",
    "de": "German",
    "fr": "French",
    "ko": "Korean",
    "ar": "Arabic",
}
"""BCP-47 code -> English name, in the order in which they are asked for and shown."""

_OWN_NAMES = {
    "zh": "中文|简体中文|汉语|chinese simplified|simplified chinese|mandarin",
    "ja": "日本語",
    "es": "español|castellano",
    "de": "deutsch",
    "fr": "français",
    "ko": "한국어",
    "ar": "العربية|عربي",
    "en": "english",
}
_CODES = {name.casefold(): code for code, name in LANGUAGES.items()} | {
    name: code for code, names in _OWN_NAMES.items() for name in names.split("|")
}
_SPACERS = re.compile(r"[-_ ]")


def check_languages(languages: Sequence[Any]) -> list[Fault]:
    """What is wrong with a job's languages, each fault with its JSON pointer; English is the source and is refused."""
    faults = []
    seen: set[Any] = set()
    for index, language in enumerate(languages):
        pointer = f"/languages/{index}"
        fault = _check_language(language, pointer)
        if fault is not None:
            faults.append(fault)
        elif language in seen:
            faults.append(Fault(pointer, "duplicate_language", f"{language!r} stands twice."))
        else:
            seen.add(language)
    return faults


def _check_language(language: Any, pointer: str) -> Fault | None:
    known = ", ".join(code for code in LANGUAGES if code != SOURCE_LANGUAGE)
    more = "GET /v1/languages?all=true lists all"
    if not isinstance(language, str):
        return Fault(
            pointer, "unknown_language", f"There is no language {language!r:.40}; known are {known}, … ({more})."
        )
    spelled = spell_tag(language)
    if spelled is None:
        message = (
            f"{language!r:.60} is no BCP-47 code: give a language, maybe a script, maybe a region (zh-Hant, pt-BR)."
        )
        return Fault(pointer, "malformed_language", message)
    if not is_known(spelled):
        return Fault(
            pointer, "unknown_language", f"There is no language {language!r:.40}; known are {known}, … ({more})."
        )
    if spelled != language:
        return Fault(pointer, "unknown_language", f"Write it {spelled!r}, not {language!r}.")
    if split_tag(language)[0] == SOURCE_LANGUAGE:
        return Fault(pointer, "source_language", f"Pairs are born in English; translate into {known}.")
    return None


def sort_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """The languages in the order of LANGUAGES, others behind by code, each once: the same set is the same request."""
    others = sorted({code for code in languages if code not in LANGUAGES})
    return (*(code for code in LANGUAGES if code in languages), *others)


def name_language(code: str) -> str:
    """The English name of a language, for models and people."""
    return LANGUAGES.get(code) or name_tag(code)


def code_of(name: Any) -> str | None:
    """`zh`, `zh-CN`, `zh_Hans`, `Chinese`, `Chinese (zh)` and `中文` are all the same of the eight languages."""
    if not isinstance(name, str):
        return None
    name = name.casefold().strip(" []【】*:：#")
    bare = name.partition("(")[0].strip()
    code = _SPACERS.split(bare, maxsplit=1)[0]
    return _CODES.get(bare) or (code if code in LANGUAGES else _CODES.get(code))


@lru_cache(maxsize=1024)
def find_asked(name: str, asked: tuple[str, ...]) -> str | None:
    """The language that a name in a reply means: one that was asked for by any of its names, or one of the eight."""
    cleaned = name.strip(" []【】*:：#")
    spelled = spell_tag(cleaned)
    if spelled in asked:
        return spelled
    by_name = [language for language in asked if name_language(language).casefold() == cleaned.casefold()]
    if by_name:
        return by_name[0]
    code = code_of(name)
    primary = spelled.partition("-")[0] if spelled else ""
    alike = [language for language in asked if split_tag(language)[0] in {code, primary}]
    if spelled and len(alike) > 1:
        alike = [language for language in alike if split_tag(language)[1] == split_tag(spelled)[1]]
    if code in asked and (not spelled or len(alike) != 1):
        return code
    if len(alike) == 1:
        return alike[0]
    return code or next((tag for tag in asked if name_tag(split_tag(tag)[0]).casefold() == cleaned.casefold()), None)
