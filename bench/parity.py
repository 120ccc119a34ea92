"""What the parity gate catches of seeded corruptions, and how often it refuses a correct translation."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.pipeline.language import LinguaDetector
from app.pipeline.parity import find_faults
from app.pipeline.values import Pair
from tests.support.corruptions import CORRUPTIONS, Case
from tests.support.translations import SETS, TARGETS, Translated, load_translations

SEED = 20261123
_TIMED_ROUNDS = 5


@dataclass(slots=True)
class Figures:
    """Counts of one set: by what went wrong and by language, seeded and caught; correct ones, refused and all."""

    seeded: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    seeded_in: Counter[str] = field(default_factory=Counter)
    caught_in: Counter[str] = field(default_factory=Counter)
    correct: int = 0
    refused: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def share_caught(self) -> float:
        return sum(self.caught.values()) / sum(self.seeded.values())

    @property
    def share_refused(self) -> float:
        return len(self.refused) / self.correct


def run(rounds: int = 1) -> tuple[dict[str, Figures], float]:
    """Figures by the name of the set, and the CPU milliseconds of the seven checks of one correct pair."""
    detector = LinguaDetector()
    found = {name: _measure(load_translations(name), detector, rounds) for name in SETS}
    return found, _time(detector)


def _measure(entries: tuple[Translated, ...], detector: LinguaDetector, rounds: int) -> Figures:
    figures = Figures()
    seen: set[tuple[str, Pair, Pair]] = set()
    for number, (entry, language) in enumerate((entry, language) for entry in entries for language in TARGETS):
        figures.correct += 1
        right = entry.right[language]
        for finding in find_faults(entry.source, right, language, detector, entry.glossary)[:1]:
            figures.refused.append(f"{language} {finding.code} {finding.detail}: {right}")
        for turn in range(rounds):
            for name, wrong in _corrupt(entry, language, number, turn):
                if (language, entry.source, wrong) in seen:
                    continue
                seen.add((language, entry.source, wrong))
                figures.seeded[name] += 1
                figures.seeded_in[language] += 1
                if find_faults(entry.source, wrong, language, detector, entry.glossary):
                    figures.caught[name] += 1
                    figures.caught_in[language] += 1
                else:
                    figures.missed.append(f"{language} {name}: {wrong}")
    return figures


def _corrupt(entry: Translated, language: str, number: int, turn: int) -> Iterator[tuple[str, Pair]]:
    for name, corrupt in CORRUPTIONS.items():
        wrong = corrupt(Case(entry, language, random.Random(f"{SEED} {number} {turn} {name}")))
        if wrong is not None:
            yield name, wrong


def _time(detector: LinguaDetector) -> float:
    """Each round sees every pair anew: what is known of its English is made once for seven languages."""
    entries = [entry for name in SETS for entry in load_translations(name)]
    best = float("inf")
    for _ in range(_TIMED_ROUNDS):
        before = time.process_time()
        for entry in entries:
            for language in TARGETS:
                find_faults(entry.source, entry.right[language], language, detector, entry.glossary)
        best = min(best, time.process_time() - before)
    return best / len(entries) * 1000


def main() -> None:
    """Print what was missed and refused, for work on the checks."""
    found, cost_ms = run()
    figures = found["tuned"]  # the others are for measuring only
    for line in figures.refused:
        print("REFUSED", line)
    for line in figures.missed:
        print("MISSED", line)
    print(
        f"{figures.share_caught:.4f} of {sum(figures.seeded.values())}, {figures.share_refused:.4f}, {cost_ms:.3f} ms"
    )


if __name__ == "__main__":
    main()
