"""The scripts of a text, and the language where the script settles it."""

import re
from functools import lru_cache
from typing import Protocol

FOREIGN = "und"
"""What `detect` says of a text whose script belongs to none of the eight languages."""

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9d"
_HANGUL = r"\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3"
_ARABIC = r"\u0620-\u064a\u0671-\u06d3\u0750-\u077f\ufb50-\ufdfb\ufe70-\ufefc"
_LATIN = r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"

_SCRIPTS = {
    "han": re.compile(f"[{_HAN}]"),
    "kana": re.compile(f"[{_KANA}]"),
    "hangul": re.compile(f"[{_HANGUL}]"),
    "arabic": re.compile(f"[{_ARABIC}]"),
    "latin": re.compile(f"[{_LATIN}]"),
}
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_NO_ASCII_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_LONGEST_AMBIGUOUS = 14  # Han letters in a row that Japanese may write without any kana
_PERSIAN = re.compile("[پچژگکیےٹڈڑں]")  # letters Arabic does not write
_SIMPLIFIED = re.compile("[这们吗呢么没个说为对时还东车门马鱼鸟红绿蓝两从发开关见让边过进运动问谁让样实现]")


class LanguageDetector(Protocol):
    """Says in which language a text is."""

    def detect(self, text: str) -> str | None:
        """A BCP-47 code, `und` for a script of none of the eight languages, None where nobody could tell."""
        ...

    def tell(self, text: str, language: str) -> str | None:
        """The same for a text that should be in a language beyond the eight: that one's code, another's, or None."""
        ...


def count_scripts(text: str) -> dict[str, int]:
    """How many letters of each script a text holds: han, kana, hangul, arabic, latin, and all others as `other`."""
    ascii_letters = len(text.encode("ascii", "ignore").translate(None, _NO_ASCII_LETTERS))
    if text.isascii():
        return {"han": 0, "kana": 0, "hangul": 0, "arabic": 0, "latin": ascii_letters, "other": 0}
    beyond = "".join(_BEYOND_ASCII.findall(text))
    counts = {name: len(pattern.findall(beyond)) for name, pattern in _SCRIPTS.items()}
    letters = sum(map(str.isalpha, beyond))
    other = max(0, letters - sum(counts.values()))
    return {**counts, "latin": counts["latin"] + ascii_letters, "other": other}


@lru_cache(maxsize=16)  # a check and the detector it asks look at the same text
def decide_by_script(text: str) -> str | None:
    """The language where the script settles it; "latin" where four languages share it; None without letters.

    A Han letter weighs as three: it stands for a word or half of one.
    """
    counts = count_scripts(text)
    weights = {
        "cjk": 3 * counts["han"] + 2 * counts["kana"],
        "ko": 2 * counts["hangul"],
        "ar": counts["arabic"],
        "latin": counts["latin"],
        FOREIGN: counts["other"],
    }
    winner = max(weights, key=lambda name: weights[name])
    if not weights[winner]:
        return None
    if winner == "cjk":
        return _decide_han(text, counts)
    if winner == "ar" and len(_PERSIAN.findall(text)) * 30 > counts["arabic"]:
        return FOREIGN
    return winner


def _decide_han(text: str, counts: dict[str, int]) -> str | None:
    """Kana make it Japanese; Han alone is Chinese when its forms or its length say so, else it may be either."""
    simplified = _SIMPLIFIED.search(text) is not None
    if counts["kana"] and (not simplified or counts["kana"] * 4 > counts["han"]):
        return "ja"
    return "zh" if simplified or counts["han"] > _LONGEST_AMBIGUOUS else None
