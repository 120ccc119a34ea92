"""How alike two instructions are: by the words that carry them and the steps from each to the next."""

import re
from itertools import pairwise

Shingles = frozenset[str | tuple[str, str]]
"""Words, and each two of them that follow one another."""

LEAST_SIMILARITY = 0.5
"""From which share of common shingles on an order may have two questions count as one, at the least."""

_SPELLINGS = {"colour": "color", "colours": "colors", "grey": "gray"}
_CARRYING_NOTHING = frozenset(
    {
        "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "do", "does", "did", "of", "in",
        "this", "that", "these", "those", "there", "it", "its", "and", "to", "for", "please", "can", "could",
        "would", "you", "me", "image", "images", "picture", "pictures", "photo", "photos", "photograph",
        "photographs", "scene", "video", "clip", "shown", "seen", "visible", "see", "s",
    }
)  # fmt: skip
_WORDLESS = re.compile(r"[\W_]+")


def shingle_question(question: str) -> Shingles:
    """The words that tell a question from others, and each two of them that follow one another.

    question: its words alone, case folded (`prompt_leaks.key_of`). Equal sets mean the same question in other words;
    what is swapped or turned round ("the dog chases the cat") still tells two questions apart.
    """
    words = [word for word in question.split() if word not in _CARRYING_NOTHING]
    if not _SPELLINGS.keys().isdisjoint(words):
        words = [_SPELLINGS.get(word, word) for word in words]
    return frozenset([*words, *pairwise(words)])


def shingle_text(text: str) -> Shingles:
    """The same of an instruction as it stands."""
    return shingle_question(_WORDLESS.sub(" ", text.casefold()))


def measure_likeness(one: frozenset[object], other: frozenset[object]) -> float:
    """The share of common shingles, or of marks of these, from 0 to 1 (Jaccard)."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0
