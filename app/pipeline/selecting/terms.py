"""The words of a text that say what it is about; function words, numbers and case do not count."""

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]+")
_UNSPACED = "\u2e80"  # from here on are scripts that put no spaces between words
_SHORTEST_PLURAL = 4

_LISTED = """
a about above after again against all also am among an and any anything are around as at away back be because been
before behind being below beneath beside besides between beyond both but by can cannot could did do does doing done
down during each either else ever every everything few for from further get gets getting give given gives go goes
going gone had has have having he her here hers herself him himself his how however i if in inside instead into is
it its itself just keep kept let like made make makes many may me might mine more most much must my myself near
neither never next no none nor not nothing now of off often on once one only onto or other others our ours out
outside over own per quite rather same seem seems shall she should since so some someone something sometimes soon
still such take taken takes than that the their theirs them then there therefore these they thing things this those
though through thus to together too took toward towards two under until unto up upon us use used uses using very via
was way we well went were what when where whether which while who whom whose why will with within without would yet
you your yours yourself
"""
_FUNCTION_WORDS = frozenset(_LISTED.split())


def list_terms(text: str) -> list[str]:
    """The content words of a text, in their order; scripts without spaces give every two neighbouring characters."""
    terms: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if word.isascii():
            if len(word) > 1 and word not in _FUNCTION_WORDS:
                terms.append(_fold(word))
        elif word[0] >= _UNSPACED and len(word) > 1:
            terms += [word[start : start + 2] for start in range(len(word) - 1)]
        else:
            terms.append(word)
    return terms


def count_features(text: str) -> Counter[str]:
    """The words of a text and the pairs of neighbouring ones, counted: what its likeness to another is taken from."""
    terms = list_terms(text)
    features = Counter(terms)
    features.update(map(" ".join, pairwise(terms)))
    return features


@lru_cache(maxsize=10_000)
def _fold(word: str) -> str:
    """One form for `car` and `cars`; no more grammar than that."""
    if len(word) >= _SHORTEST_PLURAL and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
