"""Figures to draw, such as the API answers them."""

from datetime import UTC, datetime
from typing import Any

from app.pipeline.statistics.distributions import describe_distribution


def make_figures(text: str = "spot the difference") -> dict[str, Any]:
    """The statistics of a dataset; `text` stands wherever somebody else's text may stand."""
    lengths = describe_distribution({value: 1 + value * (40 - value) for value in range(3, 40)})
    languages = [
        {"language": language, "unit": unit, "pairs": 5000, "unique_instructions": 4000}
        | {"instruction": lengths, "response": lengths}
        for language, unit in (("en", "words"), ("zh", "characters"), (text, "words"))
    ]
    row = {"dataset": text, "abbreviation": text[:12], "images": 18122, "instructions": 15989}
    return {
        "scope": "dataset",
        "id": "ds_0000000000001",
        "name": text,
        "state": "current",
        "as_of": datetime(2026, 11, 23, 1, 40, tzinfo=UTC),
        "table": [row | {"unique_instructions": 10231}, row | {"unique_instructions": None}],
        "yield": {
            "items": {"total": 9477},
            "pairs": 47385,
            "pairs_per_item": 5.0,
            "accepted_share": 0.971,
            "done_share": None,
        },
        "usage": {
            "calls": 57636,
            "per_pair": {"prompt_tokens": 307.2, "completion_tokens": 53.4, "cost_usd": 0.0000712},
        },
        "rejections": {
            "pairs": {"by_reason": {"duplicate": 812, text: 411, "echo": 0}},
            "translations": {"by_reason": {f"{text[:40]}{n}": n for n in range(1, 30)}},
        },
        "languages": languages,
        "images_per_pair": describe_distribution({2: 47385}),
        "related_pairs_per_pair": describe_distribution({0: 3, 4: 90}),
        "roots": {"instruction": make_roots([900, 500, 80, 3], [5, 3, 1], text), "response": None},
    }


def make_roots(verbs: list[int], nouns: list[int], word: str) -> dict[str, Any]:
    """Verbs that are so frequent, each with nouns in these proportions."""
    total = sum(verbs)
    shown = [
        {
            "verb": f"{word}{place}",
            "n": n,
            "nouns": [{"noun": f"{word}{m}", "n": max(1, n * m // (2 * sum(nouns)))} for m in nouns],
            "other": 0,
        }
        for place, n in enumerate(verbs)
    ]
    return {
        "texts": total,
        "parsed": total,
        "sampled": False,
        "with_verb": total,
        "verbs": shown,
        "other_verbs": 0,
    }
