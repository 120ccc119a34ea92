"""The verb at the root of a text's first sentence and the noun that goes with it: what they are and how they add up.

Finding them takes a parser of English, which is somebody else's; here are the choice among what it found and the
counts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

TOP_VERBS = 20
TOP_NOUNS = 4
LONGEST_SENTENCE = 400  # characters of a text that the parser sees at most

_KEPT_VERBS = 400
_KEPT_NOUNS = 60
_SENTENCE_END = re.compile(r"(?<=\w\w\w)[.!?]+[\"'”’)]*(?=\s|$)|\n")  # "Mr. Hill" goes on after its full stop
_DRAW_BITS = 64

Root = tuple[str, str | None]
"""A verb and its noun, both as the dictionary has them; the noun is None where the sentence has none."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word as a parser sees it: `role` is its dependency label, `head` the place of its head, its own at the root."""

    lemma: str
    tag: str
    role: str
    head: int


@dataclass(slots=True)
class RootCounts:
    """Verbs, and nouns by verb, of the texts that were parsed; `population` is how many texts they stand for."""

    population: int = 0
    parsed: int = 0
    with_verb: int = 0
    verbs: Counter[str] = field(default_factory=Counter)
    nouns: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, root: Root | None) -> None:
        """Count a text that was parsed."""
        self.parsed += 1
        if root is None:
            return
        verb, noun = root
        self.with_verb += 1
        self.verbs[verb] += 1
        if noun is not None:
            self.nouns.setdefault(verb, Counter())[noun] += 1


def is_drawn(unit: str, wanted: int, population: int) -> bool:
    """Whether a unit belongs to the sample: by a hash of its name, so that every count draws the same ones.

    About `wanted` of `population` units are drawn; all of them where there are not more.
    """
    if population <= wanted:
        return True
    draw = int.from_bytes(blake2b(unit.encode(), digest_size=_DRAW_BITS // 8).digest(), "big")
    return draw * population < wanted << _DRAW_BITS


def cut_first_sentence(text: str) -> str:
    """The first sentence of a text, at most 400 characters of it."""
    start = text.strip()[:LONGEST_SENTENCE]
    end = _SENTENCE_END.search(start)
    return start[: end.end()].rstrip() if end else start


def choose_root(tokens: Sequence[Token]) -> Root | None:
    """The root if it is a verb (or `be`), with its direct object if that is a noun, else the sentence's first noun."""
    place = next((place for place, token in enumerate(tokens) if token.head == place), None)
    if place is None or tokens[place].tag not in {"VERB", "AUX"}:
        return None
    verb = tokens[place].lemma.lower()
    nouns = [token for token in tokens if token.tag in {"NOUN", "PROPN"} and token.role != "compound"]
    objects = [token for token in nouns if token.role in {"dobj", "obj"} and token.head == place]
    noun = next((token.lemma.lower() for token in objects or nouns), None)
    return (verb, noun or None) if verb else None


def dump_roots(counts: RootCounts) -> dict[str, Any]:
    """Counts as they are stored and added up: those of a sample are scaled to all the texts that it stands for.

    Of very many verbs and nouns the rarest are left out; they are shown as `other` anyway.
    """
    weight = counts.population / counts.parsed if counts.parsed else 1.0
    verbs = {
        verb: [round(weight * n, 2), _scale(counts.nouns.get(verb, Counter()), weight)]
        for verb, n in rank(counts.verbs)[:_KEPT_VERBS]
    }
    return {
        "population": counts.population,
        "parsed": counts.parsed,
        "with_verb": round(weight * counts.with_verb, 2),
        "verbs": verbs,
    }


def add_roots(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The stored counts of several jobs together; one in which nothing was parsed says nothing."""
    total: dict[str, Any] = {"population": 0, "parsed": 0, "with_verb": 0, "verbs": {}}
    for part in parts:
        if not part["parsed"]:
            continue
        for key in ("population", "parsed", "with_verb"):
            total[key] += part[key]
        for verb, (n, nouns) in part["verbs"].items():
            known = total["verbs"].setdefault(verb, [0, {}])
            known[0] += n
            for noun, m in nouns.items():
                known[1][noun] = known[1].get(noun, 0) + m
    return total


def describe_roots(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """The most frequent verbs, each with its most frequent nouns; None where nothing was parsed.

    Each `n` is a number of texts: an estimate for all of them where only a sample was parsed.
    """
    if not stored["parsed"]:
        return None
    verbs = {verb: n for verb, (n, _) in stored["verbs"].items()}
    top = rank(verbs)[:TOP_VERBS]
    shown = [_describe_verb(verb, n, stored["verbs"][verb][1]) for verb, n in top]
    return {
        "texts": stored["population"],
        "parsed": stored["parsed"],
        "sampled": stored["parsed"] < stored["population"],
        "with_verb": round(stored["with_verb"]),
        "verbs": shown,
        "other_verbs": max(0, round(stored["with_verb"]) - sum(verb["n"] for verb in shown)),
    }


def rank(counts: Mapping[str, float]) -> list[tuple[str, float]]:
    """The most frequent first, and by name where two are as frequent: the order never depends on chance."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def _describe_verb(verb: str, n: float, nouns: Mapping[str, float]) -> dict[str, Any]:
    top = [(noun, round(m)) for noun, m in rank(nouns)[:TOP_NOUNS] if round(m)]
    other = max(0, round(n) - sum(m for _, m in top))
    return {"verb": verb, "n": round(n), "nouns": [{"noun": noun, "n": m} for noun, m in top], "other": other}


def _scale(nouns: Counter[str], weight: float) -> dict[str, float]:
    return {noun: round(weight * n, 2) for noun, n in rank(nouns)[:_KEPT_NOUNS]}
