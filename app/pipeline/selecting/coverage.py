"""Selection by coverage: examples that together show what an annotation speaks of, and differ from each other.

A greedy choice, best first. Each step takes the example with the largest gain: the weight of the annotation's content
words that it shows, a word counting less each time it was shown before, and a little for being unlike those chosen
already. Where an annotation shares nothing with any example, that choice begins with the most typical example and
goes on to the most different ones.
"""

from collections import defaultdict
from collections.abc import Sequence
from math import log

from app.pipeline.selecting.likeness import Likeness
from app.pipeline.selecting.pool import Example
from app.pipeline.selecting.terms import list_terms

_SHOWN_AGAIN = 0.25  # what showing a word once more is worth, of what it was worth before
_SPREAD = 0.15  # what being unlike all chosen examples is worth, of showing all of the annotation's words


class CoverageSelector:
    """The greedy choice over one pool."""

    def __init__(self, examples: Sequence[Example], most: int, max_tokens: int | None) -> None:
        self._tokens = [example.tokens for example in examples]
        self._most = most
        self._max_tokens = max_tokens
        self._holders: dict[str, list[int]] = defaultdict(list)
        for place, example in enumerate(examples):
            for term in dict.fromkeys(list_terms(f"{example.query}\n{example.reply}")):
                self._holders[term].append(place)
        count = len(examples)
        self._weights = {term: log(1 + count / len(places)) for term, places in self._holders.items()}
        self._alike = Likeness([example.query for example in examples]).compare_all()
        self._typical_first = sorted(range(count), key=lambda place: -sum(self._alike[place]))

    def choose(self, query: str) -> tuple[int, ...]:
        """The places of the examples to show, best first."""
        worth = {term: self._weights[term] for term in dict.fromkeys(list_terms(query)) if term in self._weights}
        total = sum(worth.values()) or 1.0
        terms_of: dict[int, list[str]] = defaultdict(list)
        for term in worth:
            for place in self._holders[term]:
                terms_of[place].append(term)
        gains = {place: sum(worth[term] for term in terms) / total for place, terms in terms_of.items()}
        nearness = [0.0] * len(self._tokens)
        left = self._max_tokens
        chosen: list[int] = []
        open_places = self._fit(self._typical_first, left)
        while open_places and len(chosen) < self._most:
            best = max(open_places, key=lambda place: gains.get(place, 0.0) + _SPREAD * (1 - nearness[place]))
            chosen.append(best)
            if left is not None:
                left -= self._tokens[best]
            open_places = self._fit([place for place in open_places if place != best], left)
            self._note_shown(terms_of[best], worth, gains, total)
            nearness = [max(pair) for pair in zip(nearness, self._alike[best], strict=True)]
        return tuple(chosen)

    def _note_shown(self, terms: Sequence[str], worth: dict[str, float], gains: dict[int, float], total: float) -> None:
        """Let the words of a chosen example count less in every other."""
        for term in terms:
            lost = worth[term] * (1 - _SHOWN_AGAIN)
            worth[term] -= lost
            for place in self._holders[term]:
                gains[place] -= lost / total

    def _fit(self, places: Sequence[int], left: int | None) -> list[int]:
        return [place for place in places if left is None or self._tokens[place] <= left]
