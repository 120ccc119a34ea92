"""From what was counted of each job to the figures of a job, a dataset or everything."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from app.pipeline.language_codes import LANGUAGES, SOURCE_LANGUAGE
from app.pipeline.statistics.distributions import describe_distribution
from app.pipeline.statistics.lengths import measure_length, unit_of
from app.pipeline.statistics.roots import (
    RootCounts,
    add_roots,
    cut_first_sentence,
    describe_roots,
    dump_roots,
    is_drawn,
)

SIDES = ("instruction", "response")


class TextCounts:
    """Lengths of a job's texts as they stream by, and the sentences that are to be parsed afterwards.

    sample: pairs of which sentences are kept; population: how many English pairs there are.
    """

    def __init__(self, sample: int, population: int) -> None:
        self._sample = sample
        self._population = population
        self.lengths: dict[str, dict[str, Counter[int]]] = {}
        self.sentences: dict[str, list[str]] = {side: [] for side in SIDES}

    def add(self, language: str, unit: str, instruction: str, response: str) -> None:
        """Count a pair; `unit` names it in a way that does not change when the job is worked again."""
        lengths = self.lengths.get(language)
        if lengths is None:
            lengths = self.lengths[language] = {side: Counter() for side in SIDES}
        lengths["instruction"][measure_length(instruction, language)] += 1
        lengths["response"][measure_length(response, language)] += 1
        if language == SOURCE_LANGUAGE and self._sample and is_drawn(unit, self._sample, self._population):
            self.sentences["instruction"].append(cut_first_sentence(instruction))
            self.sentences["response"].append(cut_first_sentence(response))


def make_parts(
    *,
    stored: Mapping[str, int],
    texts: TextCounts,
    roots: Mapping[str, RootCounts],
    images_per_pair: Mapping[int, int],
    related_per_pair: Mapping[int, int],
) -> dict[str, Any]:
    """What is kept of a job: everything that adds up with other jobs. `stored` also counts the rejected pairs."""
    return {
        "stored": dict(stored),
        "lengths": {
            language: {side: _dump(counts) for side, counts in sides.items()}
            for language, sides in texts.lengths.items()
        },
        "images_per_pair": _dump(images_per_pair),
        "related_per_pair": _dump(related_per_pair),
        "roots": {side: dump_roots(counts) for side, counts in roots.items()},
    }


def make_empty_parts() -> dict[str, Any]:
    """The parts of no job at all, to add others to."""
    roots = {side: RootCounts() for side in SIDES}
    return make_parts(stored={}, texts=TextCounts(0, 0), roots=roots, images_per_pair={}, related_per_pair={})


def add_parts(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of both together."""
    lengths: dict[str, dict[str, dict[str, int]]] = {}
    for part in (first, second):
        for language, sides in part["lengths"].items():
            known = lengths.setdefault(language, {side: {} for side in SIDES})
            lengths[language] = {side: _add(known[side], sides[side]) for side in SIDES}
    return {
        "stored": _add(first["stored"], second["stored"]),
        "lengths": lengths,
        "images_per_pair": _add(first["images_per_pair"], second["images_per_pair"]),
        "related_per_pair": _add(first["related_per_pair"], second["related_per_pair"]),
        "roots": {side: add_roots([first["roots"][side], second["roots"][side]]) for side in SIDES},
    }


def describe_figures(parts: Mapping[str, Any], uniques: Mapping[str, int]) -> dict[str, Any]:
    """Figures from the parts of a job or of several together; `uniques` of all of them."""
    return {
        "stored": {language: parts["stored"][language] for language in sort_codes(parts["stored"])},
        "languages": [
            _describe_language(language, parts["lengths"][language], uniques)
            for language in sort_codes(parts["lengths"])
        ],
        "images_per_pair": _describe(parts["images_per_pair"]),
        "related_pairs_per_pair": _describe(parts["related_per_pair"]),
        "roots": {side: describe_roots(parts["roots"][side]) for side in SIDES},
    }


def sort_codes(languages: Iterable[str]) -> list[str]:
    """English first, the known languages in their order, then any other."""
    order = {code: place for place, code in enumerate(LANGUAGES)}
    return sorted(languages, key=lambda code: (order.get(code, len(order)), code))


def _describe_language(language: str, sides: Mapping[str, Any], uniques: Mapping[str, int]) -> dict[str, Any]:
    return {
        "language": language,
        "pairs": sum(sides["instruction"].values()),
        "unique_instructions": uniques.get(language, 0),
        "unit": unit_of(language),
        **{side: _describe(sides[side]) for side in SIDES},
    }


def _describe(stored: Mapping[str, int]) -> dict[str, Any] | None:
    return describe_distribution({int(value): n for value, n in stored.items()})


def _add(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in {**first, **second}}


def _dump(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(value): counts[value] for value in sorted(counts)}
