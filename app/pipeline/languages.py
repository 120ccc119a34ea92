"""The catalogue of languages: which ones there are, and what is checked of translations into each."""

from typing import Any

from app.pipeline.language_codes import LANGUAGES, SOURCE_LANGUAGE, name_language
from app.pipeline.language_table import NAMES
from app.pipeline.language_tags import is_identified, is_known, spell_tag, split_tag
from app.pipeline.parity.number_words import WORD_LANGUAGES
from app.pipeline.parity.profiles import profile_of


def list_languages(*, all_: bool) -> list[str]:
    """The eight languages in their order; then, where all are wanted, every other language without its variants."""
    return [*LANGUAGES, *(sorted(set(NAMES) - set(LANGUAGES)) if all_ else ())]


def is_language(code: str) -> bool:
    """Whether a pair can be in it."""
    return spell_tag(code) == code and is_known(code)


def describe_language(code: str) -> dict[str, Any]:
    """The language as the API shows it.

    identified_by: `experience` (checks tuned on correct translations), `detector` (its script, then lingua) or
    `script` (its letters alone); reads_number_words: whether "three" is compared, or digits only
    """
    language, script, region = split_tag(code)
    is_source = language == SOURCE_LANGUAGE
    profile = None if is_source else profile_of(code)
    identified = "experience" if profile is None or profile.base else "detector" if is_identified(code) else "script"
    return {
        "object": "language",
        "code": code,
        "name": name_language(code),
        "is_source": is_source,
        "script": script,
        "region": region or None,
        "identified_by": identified,
        "reads_number_words": (profile.base if profile else language) in WORD_LANGUAGES,
        "is_right_to_left": profile is not None and profile.is_rtl,
    }
