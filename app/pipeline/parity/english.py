"""An English text made ready for comparing: seven translations are held against the same one, one after another."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from app.pipeline.formats import normalise_text
from app.pipeline.parity.marks import BOX, PLACEHOLDER, count_items, find_boxes, find_placeholders
from app.pipeline.parity.numbers import EnglishNumbers, read_english_numbers
from app.pipeline.parity.sentences import ends_whole, split_sentences

LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+(?:['’-][A-Za-z\u00c0-\u024f\u1e00-\u1eff]+)*")
_NEUTRAL = re.compile(r"https?://\S+|`[^`\n]*`|\[[\d.,\s-]*\]|[!-~]*\d[!-~]*")
_DIGIT = re.compile(r"\d")
_QUOTED = re.compile(r"[\"“”«»„「『']([^\"“”«»„「」『』'\n]{2,80})[\"“”«»「」』']")

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
FUNCTION_WORDS = frozenset(_FUNCTION_WORD_LIST.split())
SHORT_ANSWERS = FUNCTION_WORDS | frozenset(_SHORT_ANSWER_LIST.split())


@dataclass(frozen=True, slots=True)
class English:
    """names: words in capitals that are no English words; words_left: the words without what all languages share

    runs: every three words in a row of those; sentences: how long each is, is_varied: no two of them alike
    """

    text: str
    folded: str
    names: frozenset[str]
    words_left: list[str]
    runs: frozenset[tuple[str, ...]]
    boxes: Counter[str]
    placeholders: Counter[str]
    numbers: EnglishNumbers
    items: int
    sentences: tuple[int, ...]
    is_varied: bool
    ends_whole: bool


@lru_cache(maxsize=64)
def know_english(text: str) -> English:
    """All that translations of a text are held against."""
    text = normalise_text(text)
    names = frozenset(word for word in LATIN_WORD.findall(text) if _is_name(word))
    words = [word.casefold() for word in LATIN_WORD.findall(_strip_names(names, _strip_marks(text, text)))]
    sentences = split_sentences(text)
    placeholders = find_placeholders(text)
    return English(
        text=text,
        folded=text.casefold(),
        names=names,
        words_left=words,
        runs=frozenset(list_runs(words)),
        boxes=find_boxes(text),
        placeholders=placeholders,
        numbers=read_english_numbers(PLACEHOLDER.sub(" ", text) if placeholders else text),
        items=count_items(text),
        sentences=tuple(map(len, sentences)),
        is_varied=len(set(sentences)) == len(sentences),
        ends_whole=ends_whole(text),
    )


def strip_neutral(english: English, text: str) -> str:
    """The text without what every language writes the same: numbers, links, code, quotations and names."""
    return _strip_names(english.names, _strip_marks(english.text, text))


def blank_marks(english: English, text: str) -> str:
    """The text without its boxes and placeholders, which are compared by themselves."""
    if english.placeholders:
        text = PLACEHOLDER.sub(" ", text)
    return BOX.sub(" ", text) if english.boxes else text


def list_runs(words: list[str]) -> list[tuple[str, ...]]:
    """Every three words in a row."""
    return list(zip(words, words[1:], words[2:], strict=False))


def share_too_little(english: str, example: str) -> bool:
    """Whether two English texts share too few words for one translation to fit both."""
    words, example_words = set(LATIN_WORD.findall(english.casefold())), set(LATIN_WORD.findall(example.casefold()))
    return 2 * len(words & example_words) < len(words | example_words)


def _strip_marks(english: str, text: str) -> str:
    text = _QUOTED.sub(lambda match: " " if match[1].strip() in english else match[0], text)
    has_signs = "`" in text or "[" in text or "://" in text or _DIGIT.search(text) is not None
    return _NEUTRAL.sub(" ", text) if has_signs else text


def _strip_names(names: frozenset[str], text: str) -> str:
    if not any(map(text.__contains__, names)):
        return text
    return LATIN_WORD.sub(lambda match: " " if match[0] in names else match[0], text)


def _is_name(word: str) -> bool:
    return word[0].isupper() and word.casefold() not in SHORT_ANSWERS
