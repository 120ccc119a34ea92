"""What the checks know of a language: of seven from experience, of any other from its script alone."""

from dataclasses import dataclass
from functools import lru_cache

from app.pipeline.language_codes import LANGUAGES, SOURCE_LANGUAGE
from app.pipeline.language_tags import split_tag
from app.pipeline.parity.numerals import Style

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
_TYPICAL = {"zh": 0.32, "ja": 0.45, "ko": 0.52, "ar": 0.79, "es": 1.03, "de": 1.08, "fr": 1.08}
"""The usual figure for texts of a sentence or more."""
_LENGTHS_BY_SCRIPT = {"Hani": (0.12, 1.3), "Hant": (0.12, 1.3), "Hans": (0.12, 1.3), "Thai": (0.3, 2.0)}
_ANY_LENGTH = (0.3, 2.8)
_ANY_TYPICAL = 0.7
_COMMA_LANGUAGES = frozenset(
    {"de", "fr", "it", "nl", "pl", "pt-BR", "ru", "uk", "cs", "sv", "da", "no", "fi", "id", "tr"}
)
_DOT_LANGUAGES = frozenset({"zh", "ja", "ko", "th", "he", "hi"})
_SWISS = frozenset({"CH", "LI"})
_RTL_SCRIPTS = frozenset({"Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm"})
_WITHOUT_FULL_STOP = frozenset({"Thai", "Laoo", "Khmr", "Mymr", "Tibt"})


@dataclass(frozen=True, slots=True)
class Profile:
    """base: the one of the seven languages whose checks hold, or nothing; script: ISO 15924

    lengths: the least and the most characters for one of English, typical: the usual figure
    style: how it writes decimals; has_full_stop: whether its sentences end with a mark
    """

    code: str
    base: str
    script: str
    lengths: tuple[float, float]
    typical: float
    style: Style
    is_rtl: bool
    has_full_stop: bool


@lru_cache(maxsize=256)
def profile_of(language: str) -> Profile:
    """The profile of a tag that `check_languages` let pass."""
    primary, script, region = split_tag(language)
    is_known = primary in LANGUAGES and primary != SOURCE_LANGUAGE and script == split_tag(primary)[1]
    base = primary if is_known or (primary == "zh" and script == "Hant") else ""
    return Profile(
        code=language,
        base=base,
        script=script,
        lengths=_LENGTHS.get(base) or _LENGTHS_BY_SCRIPT.get(script, _ANY_LENGTH),
        typical=_TYPICAL.get(base, _ANY_TYPICAL),
        style=_style_of(language, primary, region),
        is_rtl=script in _RTL_SCRIPTS,
        has_full_stop=script not in _WITHOUT_FULL_STOP,
    )


def _style_of(language: str, primary: str, region: str) -> Style:
    if region in _SWISS:
        return "either"
    if {language, primary} & _COMMA_LANGUAGES and (region in {"", "BR"} or primary == "de"):
        return "comma"
    return "dot" if primary in _DOT_LANGUAGES else "either"
