"""Costs in micro-dollars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.costing import PRICES, Price, cost_micros, price_of, worst_case_micros
from app.pipeline.values import Usage

_COUNTS = st.integers(0, 10**7)


def test_a_million_tokens_cost_their_price_and_cached_ones_the_cached_price() -> None:
    assert cost_micros(Usage(1_000_000, 1_000_000, 500_000), Price(2, 1, 8)) == 1_000_000 + 500_000 + 8_000_000


def test_a_fraction_of_a_micro_dollar_counts_as_one() -> None:
    assert cost_micros(Usage(1, 0), Price(0.15, 0.075, 0.6)) == 1
    assert cost_micros(Usage(), Price(0.15, 0.075, 0.6)) == 0


@given(_COUNTS, _COUNTS, _COUNTS, st.sampled_from(sorted(PRICES)))
def test_no_call_costs_more_than_its_worst_case(prompt: int, completion: int, cached: int, model: str) -> None:
    price = PRICES[model]
    assert cost_micros(Usage(prompt, completion, cached), price) <= worst_case_micros(prompt, completion, price)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"])
def test_a_dated_name_has_the_price_of_its_model(model: str) -> None:
    assert price_of(model) == PRICES["gpt-4o-mini"]


def test_an_unknown_model_has_no_price_until_someone_sets_one() -> None:
    assert price_of("smollm2") is None
    assert price_of("smollm2", '{"smollm2": {"prompt": 1, "completion": 2}}') == Price(1.0, 1.0, 2.0, "")


def test_an_override_beats_the_table() -> None:
    assert price_of("gpt-4o", '{"gpt-4o": {"prompt": 0, "completion": 0, "cached": 0}}') == Price(0.0, 0.0, 0.0, "")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"m": 3}', '{"m": {"prompt": 1}}', '{"m": {"prompt": -1, "completion": 1}}']
)
def test_overrides_that_cannot_be_read_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"price|JSON"):
        price_of("m", text)
