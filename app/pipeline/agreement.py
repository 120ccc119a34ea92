"""How far two people agree about the pairs that both have judged."""

from collections.abc import Mapping
from dataclasses import dataclass

Verdicts = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over `pairs` pairs.

    observed: the share on which both gave one verdict; expected: the share on which they would by chance, with their
    own frequencies of verdicts; kappa: Cohen's, 1 = always, 0 = as by chance; None where chance explains everything
    (both gave one and the same verdict throughout) or there is nothing to compare
    """

    pairs: int
    observed: float | None
    expected: float | None
    kappa: float | None


def measure_agreement(counts: Mapping[Verdicts, int]) -> Agreement:
    """The agreement in a table of (verdict of one, verdict of the other) -> pairs."""
    total = sum(counts.values())
    if total == 0:
        return Agreement(0, None, None, None)
    observed = sum(n for (one, other), n in counts.items() if one == other) / total
    verdicts = {verdict for both in counts for verdict in both}
    by_chance = sum(_ones(counts, verdict) * _others(counts, verdict) for verdict in verdicts)
    expected = by_chance / total**2
    kappa = None if by_chance == total**2 else (observed - expected) / (1 - expected)
    return Agreement(total, observed, expected, kappa)


def _ones(counts: Mapping[Verdicts, int], verdict: str) -> int:
    return sum(n for (one, _), n in counts.items() if one == verdict)


def _others(counts: Mapping[Verdicts, int], verdict: str) -> int:
    return sum(n for (_, other), n in counts.items() if other == verdict)
