"""Whether examples that are chosen teach more than examples that are drawn: a simulated rater, in seeded worlds.

A world has aspects: things that an annotation may show and a pair may be about. Each aspect has a few names, and an
annotation uses one of them, among words that say nothing. A reply can only do well what the examples in its request
demonstrated, so the rater scores it by how much of what the annotation needs was demonstrated by the examples shown:
an aspect that was shown once is done right with some probability, shown twice with a higher one. The rater knows the
aspects; the rules of choice see nothing but words.

Three kinds of world keep it honest: in `plain` ones an aspect has one name, in `wordy` ones three, of which an example
may use another than the annotation, and in `blind` ones the names are drawn anew each time, so that words tell nothing
and no rule of choice can be better than chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, stdev
from time import process_time

from app.pipeline.selecting import MODES, Selection, make_selector
from app.pipeline.values import Pair, Prompt, Turn

KINDS: Mapping[str, int] = {"plain": 1, "wordy": 3, "blind": 0}
"""How many names an aspect has; 0 draws one each time it is mentioned."""

SHOWN_EXAMPLES = 4
POOL = 48
_ASPECTS = 40
DONE_RIGHT = (0.15, 0.75, 0.9)  # with an aspect shown never, once, twice or more
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "va",
    "we",
    "zo",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An annotation as the rater knows it: its words, and the aspects they stand for."""

    text: str
    aspects: frozenset[int]


class World:
    """Aspects with their names, some met often and most seldom, and the annotations that speak of them."""

    def __init__(self, kind: str, seed: int) -> None:
        self.chance = Random(f"{kind} {seed}")
        count = KINDS[kind]
        self._names = [[self._invent() for _ in range(count)] for _ in range(_ASPECTS)]
        self._filler = [self._invent() for _ in range(30)]
        self._shares = [1 / (place + 2) for place in range(_ASPECTS)]

    def show(self, fewest: int, most: int) -> Shown:
        """An annotation of so many aspects."""
        wanted = self.chance.randint(fewest, most)
        aspects: set[int] = set()
        while len(aspects) < wanted:
            aspects.update(self.chance.choices(range(_ASPECTS), self._shares))
        words = [self._name(aspect) for aspect in sorted(aspects)] + self.chance.sample(self._filler, 6)
        self.chance.shuffle(words)
        return Shown(" ".join(words), frozenset(aspects))

    def rate(self, needed: frozenset[int], examples: Sequence[Shown]) -> float:
        """The share of the needed aspects that a reply did right, after these examples."""
        right = 0
        for aspect in sorted(needed):
            times = sum(aspect in example.aspects for example in examples)
            right += self.chance.random() < DONE_RIGHT[min(times, len(DONE_RIGHT) - 1)]
        return right / len(needed)

    def _name(self, aspect: int) -> str:
        return self.chance.choice(self._names[aspect]) if self._names[aspect] else self._invent()

    def _invent(self) -> str:
        return "".join(self.chance.choices(_SYLLABLES, k=4)) + "n"


def run(seeds: int = 10, queries: int = 400) -> dict[str, dict[str, list[float]]]:
    """By kind of world and rule of choice: the mean score of the replies in each world."""
    return {kind: _compare(kind, seeds, queries) for kind in KINDS}


def sum_up(scores: Mapping[str, Sequence[float]], rule: str) -> dict[str, float]:
    """The mean margin of a rule over the random choice in the same world, its spread, and the smallest."""
    margins = [mine - drawn for mine, drawn in zip(scores[rule], scores["random"], strict=True)]
    return {"margin": fmean(margins), "spread": stdev(margins), "least": min(margins)}


def _compare(kind: str, seeds: int, queries: int) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {mode: [] for mode in MODES}
    for seed in range(seeds):
        world = World(kind, seed)
        pool = [world.show(2, 4) for _ in range(POOL)]
        asked = [world.show(3, 6) for _ in range(queries)]
        prompt = _make_prompt(pool)
        for mode in MODES:
            selector = make_selector(prompt, Selection(mode, k=SHOWN_EXAMPLES, seed=seed))
            world.chance.seed(f"{kind} {seed} replies")  # the same luck for every rule
            chosen = [(query, [pool[place] for place in selector.choose(query.text)]) for query in asked]
            scores[mode].append(fmean(world.rate(query.aspects, examples) for query, examples in chosen))
    return scores


def _make_prompt(pool: Sequence[Shown]) -> Prompt:
    """A prompt whose examples are about these annotations; their pairs repeat its words, as real pairs do."""
    turns = []
    for shown in pool:
        pair = Pair(f"What is there of {shown.text}?", f"There is {shown.text}.")
        turns += [Turn("user", shown.text), Turn("assistant", (pair,))]
    return Prompt("Write pairs about the annotation.", tuple(turns))


def time_choices(pool: int = 300, queries: int = 500) -> dict[str, float]:
    """Microseconds of one choice by each rule, from a pool of so many examples."""
    world = World("wordy", 0)
    prompt = _make_prompt([world.show(2, 4) for _ in range(pool)])
    texts = [world.show(3, 6).text for _ in range(queries)]
    taken = {}
    for mode in MODES:
        selector = make_selector(prompt, Selection(mode, k=SHOWN_EXAMPLES))
        began = process_time()
        for text in texts:
            selector.choose(text)
        taken[mode] = (process_time() - began) / queries * 1e6
    return taken
