"""Choosing: from a prompt's examples and an annotation to the places of those that are shown, best first.

The same prompt, selection and annotation choose the same examples in any process, on any try.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Protocol

from app.pipeline.selecting.coverage import CoverageSelector
from app.pipeline.selecting.likeness import Likeness
from app.pipeline.selecting.policy import Selection
from app.pipeline.selecting.pool import Example, list_examples, turns_of
from app.pipeline.values import Prompt


class Selector(Protocol):
    """A rule of choice with its pool at hand."""

    def choose(self, query: str) -> tuple[int, ...]:
        """The places of the examples to show with an annotation, from 0, in the order to show them."""
        ...


def make_selector(prompt: Prompt, selection: Selection) -> Selector:
    """The rule of a selection over a prompt's examples; what takes time is done here, once."""
    examples = list_examples(prompt)
    if selection.mode == "random":
        return _RandomSelector(examples, selection)
    if selection.mode == "nearest":
        return _NearestSelector(examples, selection)
    if selection.mode == "coverage":
        return CoverageSelector(examples, selection.most, selection.max_tokens)
    return _FixedSelector(examples, selection)


def pick_examples(prompt: Prompt, chosen: Sequence[int]) -> Prompt:
    """The prompt with these of its examples, in this order."""
    return Prompt(prompt.system_message, turns_of(prompt, chosen))


class _FixedSelector:
    """The first examples that fit, in the prompt's order."""

    def __init__(self, examples: Sequence[Example], selection: Selection) -> None:
        self._chosen = _take(range(len(examples)), examples, selection)

    def choose(self, query: str) -> tuple[int, ...]:
        return self._chosen


class _RandomSelector:
    """Drawn by the seed and the annotation; a larger k adds examples and changes none."""

    def __init__(self, examples: Sequence[Example], selection: Selection) -> None:
        self._examples = examples
        self._selection = selection

    def choose(self, query: str) -> tuple[int, ...]:
        count = len(self._examples)
        drawn = Random(f"{self._selection.seed}\n{query}").sample(range(count), count)  # noqa: S311 - repeatable
        return _take(drawn, self._examples, self._selection)


class _NearestSelector:
    """Those whose annotations read most like the one asked about; of equals the prompt's first."""

    def __init__(self, examples: Sequence[Example], selection: Selection) -> None:
        self._examples = examples
        self._selection = selection
        self._likeness = Likeness([example.query for example in examples])

    def choose(self, query: str) -> tuple[int, ...]:
        scores = self._likeness.score(query)
        ranked = sorted(range(len(scores)), key=lambda place: -scores[place])
        return _take(ranked, self._examples, self._selection)


def _take(ranked: Iterable[int], examples: Sequence[Example], selection: Selection) -> tuple[int, ...]:
    """The first of them within the bounds; one that does not fit is passed over, a later one may."""
    chosen: list[int] = []
    left = selection.max_tokens
    for place in ranked:
        if len(chosen) >= selection.most:
            break
        if left is not None:
            if examples[place].tokens > left:
                continue
            left -= examples[place].tokens
        chosen.append(place)
    return tuple(chosen)
