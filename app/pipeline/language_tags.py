"""Tags of languages (BCP-47): their parts, their names, the script they are written in, and who can tell them apart."""

import re
from functools import lru_cache

from app.pipeline.language_table import NAMES, REGIONS, SCRIPT_NAMES, SCRIPTS

_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.IGNORECASE)
_TRADITIONAL_REGIONS = frozenset({"TW", "HK", "MO"})
_LATIN = "Latn"

_LINGUA_LIST = (
    "af sq ar hy az eu be bn nb bs bg ca zh hr cs da nl en eo et fi fr lg ka de el gu he hi hu is id ga it ja kk ko la "
    "lv lt mk ms mi mr mn nn fa pl pt pa ro ru sr sn sk sl so st es sw sv tl ta te th ts tn tr uk ur vi cy xh yo "
    "zu"
)


LINGUA_LANGUAGES = frozenset(_LINGUA_LIST.split())
"""Those lingua knows, by ISO 639-1; a test compares them with the package, which the API does not load."""


def spell_tag(tag: str) -> str | None:
    """The usual spelling of a tag (`pt-br` is `pt-BR`); None where it has not the form of one.

    A language, maybe a script, maybe a region; extensions and private subtags are not taken.
    """
    match = _TAG.fullmatch(tag.replace("_", "-"))
    if match is None:
        return None
    language, script, region = match.groups()
    return "-".join(part for part in (language.lower(), (script or "").title(), (region or "").upper()) if part)


def is_known(tag: str) -> bool:
    """Whether a tag in its usual spelling names a language of the table, and a script and region that may be."""
    language, *rest = tag.split("-")
    return language in NAMES and all(part in SCRIPT_NAMES for part in rest if len(part) == 4)


@lru_cache(maxsize=512)
def split_tag(tag: str) -> tuple[str, str, str]:
    """(language, script, region or nothing) of a tag in its usual spelling; the usual script where none is named."""
    language, *rest = tag.split("-")
    region = next((part for part in rest if len(part) < 4), "")
    script = next((part for part in rest if len(part) == 4), "")
    if not script:
        is_traditional = language == "zh" and region in _TRADITIONAL_REGIONS
        script = "Hant" if is_traditional else SCRIPTS.get(language, _LATIN)
    return language, script, region


@lru_cache(maxsize=512)
def name_tag(tag: str) -> str:
    """The English name: `Portuguese (Brazil)`; a code that the table lacks stays as it is."""
    language, *rest = tag.split("-")
    parts = [SCRIPT_NAMES.get(part, part) if len(part) == 4 else REGIONS.get(part, part) for part in rest]
    name = NAMES.get(language, language)
    return f"{name} ({', '.join(parts)})" if parts else name


def is_identified(tag: str) -> bool:
    """Whether a text can be told from other languages in the same script, not by its letters alone."""
    language = split_tag(tag)[0]
    return language in LINGUA_LANGUAGES or language == "no"
