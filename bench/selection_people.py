"""The same question over what people noted: captions to choose by, and needs that others labelled.

An annotation is the first caption of a published photograph. What a reply needs are the kinds of objects that other
people drew boxes around in it, which no rule of choice sees. Photographs are parted by a seed into the examples of a
prompt and those asked about. All rules have the same token budget, so that none gains by choosing longer examples. As a
control the labels are exchanged between photographs: then no rule can be better than chance.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import fmean, median_low

from app.pipeline.selecting import MODES, Selection, list_examples, make_selector
from app.pipeline.values import Pair, Prompt, Turn
from bench.selection import DONE_RIGHT, SHOWN_EXAMPLES, Shown

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco" / "caps_boxes_coco2014_val_80.jsonl"
_FEWEST_NEEDS = 2


def run(splits: int = 10) -> dict[str, dict[str, list[float]]]:
    """By kind of world and rule of choice: the mean score of the replies in each split."""
    photographs = list(_read_photographs())
    return {
        kind: _compare(photographs, splits, is_exchanged=kind == "exchanged") for kind in ("photographs", "exchanged")
    }


def _read_photographs() -> Iterator[Shown]:
    """Captions with the numbers of the labels, of photographs that have a few."""
    numbers: dict[str, int] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        labels = {numbers.setdefault(each["category"], len(numbers)) for each in record["instances"]}
        if len(labels) >= _FEWEST_NEEDS:
            yield Shown(record["captions"][0], frozenset(labels))


def _compare(photographs: Sequence[Shown], splits: int, *, is_exchanged: bool) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {mode: [] for mode in MODES}
    for seed in range(splits):
        chance = Random(f"photographs {seed}")
        shown = chance.sample(photographs, len(photographs))
        if is_exchanged:
            labels = chance.sample([each.aspects for each in shown], len(shown))
            shown = [Shown(each.text, other) for each, other in zip(shown, labels, strict=True)]
        half = len(shown) // 2
        for mode, score in _rate_rules(shown[:half], shown[half:], seed).items():
            scores[mode].append(score)
    return scores


def _rate_rules(pool: Sequence[Shown], asked: Sequence[Shown], seed: int) -> Mapping[str, float]:
    """What replies are expected to score by each rule: the chances themselves, without luck."""
    turns: list[Turn] = []
    for each in pool:
        turns += [Turn("user", each.text), Turn("assistant", (Pair("What is there to see?", each.text),))]
    prompt = Prompt("Write pairs about the annotation.", tuple(turns))
    budget = SHOWN_EXAMPLES * median_low(example.tokens for example in list_examples(prompt))
    found = {}
    for mode in MODES:
        selector = make_selector(prompt, Selection(mode, k=len(pool), max_tokens=budget, seed=seed))
        chosen = [(query, [pool[place] for place in selector.choose(query.text)]) for query in asked]
        found[mode] = fmean(_rate(query.aspects, examples) for query, examples in chosen)
    return found


def _rate(needed: frozenset[int], examples: Sequence[Shown]) -> float:
    times = [sum(aspect in example.aspects for example in examples) for aspect in needed]
    return fmean(DONE_RIGHT[min(shown, len(DONE_RIGHT) - 1)] for shown in times)
