"""Texts as sparse vectors of hashed words, cheap enough to compare thousands of them without a library for numbers."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log, sqrt
from zlib import crc32

Features = Mapping[int, float]
"""Weights by the hash of a word or of two words in a row; of length one, or empty for a text without words."""

_WORD = re.compile(r"\w+")
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")  # Thai, Lao, kana, Chinese characters


def extract_features(texts: Sequence[str]) -> list[Features]:
    """A vector for each text, in which words that most of the texts hold weigh little."""
    counted = [count_terms(text) for text in texts]
    spread = Counter(term for terms in counted for term in terms)
    return [_scale({term: n * log(1 + len(texts) / spread[term]) for term, n in terms.items()}) for terms in counted]


def count_terms(text: str) -> dict[int, float]:
    """The words and the pairs of neighbouring words of a text, by their hash; each more of one kind adds less."""
    words = list(_split_words(text.casefold()))
    terms = Counter(words)
    terms.update(f"{first} {second}" for first, second in pairwise(words))
    return {crc32(term.encode("utf-8", "replace")): 1 + log(n) for term, n in terms.items()}


def compare(one: Features, other: Features) -> float:
    """The cosine of two vectors: 1 for the same words in the same order, 0 for no word in common."""
    if len(other) < len(one):
        one, other = other, one
    return min(1.0, sum(weight * other[term] for term, weight in one.items() if term in other))


def _split_words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii() or len(word) < 3 or _WITHOUT_SPACES.search(word) is None:
            yield word
        else:
            yield from (word[start : start + 2] for start in range(len(word) - 1))


def _scale(weights: Mapping[int, float]) -> Features:
    length = sqrt(sum(weight * weight for weight in weights.values()))
    return {term: weight / length for term, weight in weights.items()} if length else {}
