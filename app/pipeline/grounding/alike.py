"""Which remarks say what a sentence says, apart from numbers, colours and sides: by the words they share."""

import re
from functools import lru_cache

from app.pipeline.grounding.reading import lower
from app.pipeline.grounding.words import COLOURS, NUMBERS, split_words

_WORD = re.compile(r"[a-z]{3,}|\d+")
_SLIGHT = split_words(
    "the and then that this with his her him she they them their its who what which when where while from into onto "
    "are was were been being has have had does did doing done for but not out off over under about video videos camera "
    "scene seen see sees shown show shows showing man men woman women person people someone boy girl lady guy one two "
    "three another other others several some many more end ends ended start starts started begin begins began begun "
    "beginning continue continues continued first second last next after before finally later also still again happens "
    "happen happened around back front very same together both all each can could will would there here event moment "
    "point time times you your how why does once during until"
)
_CHANGING = frozenset((*NUMBERS, *COLOURS, "left", "right", "image", "picture", "photo", "now"))
_SHARE = 0.7
_LEAST_WORDS = 2
_SHARE_OF_REMARK = 0.8


@lru_cache(maxsize=1024)
def stems_of(text: str) -> frozenset[str]:
    """The words of a text that tell something, without their endings."""
    return frozenset(_stem(word) for word in _WORD.findall(lower(text)) if word not in _SLIGHT)


def say_the_same(words: list[str], remark: list[str]) -> bool:
    """Whether most of what one tells is in the other, whatever the numbers, colours and sides."""
    told, known = _tell(words), _tell(remark)
    common = len(told & known)
    if common < _LEAST_WORDS:
        return False
    return common >= _SHARE * len(told) or common >= _SHARE_OF_REMARK * len(known)


def _tell(words: list[str]) -> frozenset[str]:
    return stems_of(" ".join([word for word in words if word not in _CHANGING and not word.isdecimal()]))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word
