"""The eight languages: their codes, their names, and how people write either."""

import re
from collections.abc import Sequence
from typing import Any

from app.errors import Fault

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


def check_languages(languages: Sequence[Any]) -> list[Fault]:
    """What is wrong with a job's languages, each fault with its JSON pointer; English is the source and is refused."""
    faults = []
    seen: set[Any] = set()
    known = ", ".join(code for code in LANGUAGES if code != SOURCE_LANGUAGE)
    for index, language in enumerate(languages):
        pointer = f"/languages/{index}"
        if not isinstance(language, str) or language not in LANGUAGES:
            faults.append(
                Fault(pointer, "unknown_language", f"There is no language {language!r:.40}; known are {known}.")
            )
        elif language == SOURCE_LANGUAGE:
            faults.append(Fault(pointer, "source_language", f"Pairs are born in English; translate into {known}."))
        elif language in seen:
            faults.append(Fault(pointer, "duplicate_language", f"{language!r} stands twice."))
        else:
            seen.add(language)
    return faults


def sort_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """The languages in the order of LANGUAGES, each once: the same set makes the same request."""
    return tuple(code for code in LANGUAGES if code in languages)


def code_of(name: Any) -> str | None:
    """`zh`, `zh-CN`, `zh_Hans`, `Chinese`, `Chinese (zh)` and `中文` are all the same language."""
    if not isinstance(name, str):
        return None
    name = name.casefold().strip(" []【】*:：#")
    bare = name.partition("(")[0].strip()
    code = re.split(r"[-_ ]", bare, maxsplit=1)[0]
    return _CODES.get(bare) or (code if code in LANGUAGES else _CODES.get(code))
