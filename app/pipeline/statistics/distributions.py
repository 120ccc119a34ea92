"""Distributions of whole numbers, counted exactly, so that those of two jobs add up to that of both."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

QUANTILES = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
MOST_BINS = 30

_TAIL = 0.995  # the last bin takes what lies beyond this quantile, so that one long text flattens no picture


def describe_distribution(counts: Mapping[int, int]) -> dict[str, Any] | None:
    """n, mean, min, max, quantiles and a histogram of numbers >= 0; None where there is none.

    A quantile is the smallest value that at least this share of the numbers does not exceed. A bin holds `from` <=
    value <= `to`; the last one is open (`to` null) where it takes a long tail in.
    """
    values = sorted(value for value, n in counts.items() if n > 0)
    total = sum(counts[value] for value in values)
    if not total:
        return None
    return {
        "n": total,
        "mean": round(sum(value * counts[value] for value in values) / total, 3),
        "min": values[0],
        "max": values[-1],
        **{name: find_quantile(counts, share) for name, share in QUANTILES.items()},
        "bins": cut_bins(counts),
    }


def find_quantile(counts: Mapping[int, int], share: float) -> int:
    """The smallest value that at least `share` of the numbers does not exceed; raises ValueError without any."""
    needed = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= needed and seen:
            return value
    raise ValueError("a distribution without numbers has no quantiles")


def cut_bins(counts: Mapping[int, int], most: int = MOST_BINS) -> list[dict[str, int | None]]:
    """At most `most` bins of one width (1, 2, 5, 10, 20, …), from the one that holds the least value on."""
    low, high = min(counts), max(find_quantile(counts, _TAIL), min(counts))
    width = _choose_width(high - low + 1, most - 1)
    start = low // width * width
    last = (high - start) // width
    heights = Counter[int]()
    for value, n in counts.items():
        heights[min((value - start) // width, last + 1)] += n
    bins: list[dict[str, int | None]] = [
        {"from": start + width * place, "to": start + width * (place + 1) - 1, "n": heights[place]}
        for place in range(last + 1)
    ]
    if heights[last + 1]:
        bins.append({"from": start + width * (last + 1), "to": None, "n": heights[last + 1]})
    return bins


def _choose_width(span: int, most: int) -> int:
    scale = 1
    while True:
        for step in (1, 2, 5):
            # One bin more than fits: the first begins at a multiple of the width, not at the least value.
            if span / (step * scale) <= most - 1:
                return step * scale
        scale *= 10
