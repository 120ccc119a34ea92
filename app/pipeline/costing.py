"""What calls cost, in micro-dollars, by a table of list prices that operators can override."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import orjson

from app.pipeline.values import Usage

PRICES_AS_OF = "2025-06-01"
"""When the table was last compared with list prices; they change, so operators may override each."""

_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; `cached` is for prompt tokens read from the endpoint's cache."""

    prompt: float
    cached: float
    completion: float
    as_of: str = PRICES_AS_OF


PRICES: Mapping[str, Price] = {
    "text-embedding-3-large": Price(0.13, 0.13, 0.0),
    "text-embedding-3-small": Price(0.02, 0.02, 0.0),
    "text-embedding-ada-002": Price(0.10, 0.10, 0.0),
    "gpt-3.5-turbo": Price(0.50, 0.50, 1.50),
    "gpt-4": Price(30.00, 30.00, 60.00),
    "gpt-4-turbo": Price(10.00, 10.00, 30.00),
    "gpt-4.1": Price(2.00, 0.50, 8.00),
    "gpt-4.1-mini": Price(0.40, 0.10, 1.60),
    "gpt-4.1-nano": Price(0.10, 0.025, 0.40),
    "gpt-4o": Price(2.50, 1.25, 10.00),
    "gpt-4o-mini": Price(0.15, 0.075, 0.60),
    "o1": Price(15.00, 7.50, 60.00),
    "o3": Price(2.00, 0.50, 8.00),
    "o3-mini": Price(1.10, 0.55, 4.40),
    "o4-mini": Price(1.10, 0.275, 4.40),
    "gpt-5": Price(1.25, 0.125, 10.00, "2025-08-07"),
    "gpt-5-mini": Price(0.25, 0.025, 2.00, "2025-08-07"),
    "gpt-5-nano": Price(0.05, 0.005, 0.40, "2025-08-07"),
}


def price_of(model: str, overrides_json: str = "") -> Price | None:
    """The price of a model: an override's, else the table's (dated names such as `gpt-4o-2024-08-06` included).

    overrides_json: `{model: {"prompt": …, "cached": …, "completion": …}}` in dollars per million tokens; cached
    defaults to prompt. None for a model nobody priced. Raises ValueError where the overrides cannot be read.
    """
    overrides = read_overrides(overrides_json)
    if model in overrides:
        return overrides[model]
    return PRICES.get(model) or PRICES.get(_strip_date(model))


def read_overrides(overrides_json: str) -> dict[str, Price]:
    """The prices an operator set; raises ValueError naming the entry that is wrong."""
    if not overrides_json.strip():
        return {}
    try:
        entries = orjson.loads(overrides_json)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the price overrides are no JSON: {error}") from error
    if not isinstance(entries, dict):
        raise ValueError("the price overrides must be an object of models")
    return {model: _read_price(model, entry) for model, entry in entries.items()}


def cost_micros(usage: Usage, price: Price) -> int:
    """What a call cost, in micro-dollars, rounded up: cached tokens are part of the prompt tokens."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    dollars_per_million = (
        (usage.prompt_tokens - cached) * price.prompt
        + cached * price.cached
        + usage.completion_tokens * price.completion
    )
    return _round_up(dollars_per_million)


def worst_case_micros(
    prompt_bytes: int, max_tokens: int, price: Price, tokens_per_byte: float = 1.0, image_tokens: int = 0
) -> int:
    """The most a call can cost, in micro-dollars: a byte makes at most one token, and none is cached.

    image_tokens: the most its pictures can cost; their bytes are not among `prompt_bytes`
    """
    prompt_tokens = ceil(prompt_bytes * tokens_per_byte) + image_tokens
    return _round_up(prompt_tokens * max(price.prompt, price.cached) + max_tokens * price.completion)


def _round_up(micros: float) -> int:
    """Dollars per million tokens times tokens are micro-dollars; a float's last bits must not add one."""
    return ceil(round(micros, 6))


def _read_price(model: str, entry: Any) -> Price:
    if not isinstance(entry, dict) or not {"prompt", "completion"} <= entry.keys():
        raise ValueError(f"the price of {model!r} needs prompt and completion, in dollars per million tokens")
    values = [entry["prompt"], entry.get("cached", entry["prompt"]), entry["completion"]]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
            raise ValueError(f"the price of {model!r} must be made of numbers of at least 0")
    prompt, cached, completion = map(float, values)
    return Price(prompt, cached, completion, str(entry.get("as_of", "")))


def _strip_date(model: str) -> str:
    """`gpt-4o-2024-08-06` and `gpt-3.5-turbo-0125` are priced as the model they date; so is `provider/gpt-4o`."""
    words = model.rpartition("/")[2].split("-")
    while words and words[-1].isdigit() and len(words[-1]) in (2, 4):
        words.pop()
    return "-".join(words)
