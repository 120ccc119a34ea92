"""Which examples are shown with an annotation: by values, the same for the same annotation, within every bound."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.example_template import build_example_template
from app.pipeline.prompting import ResponseFormat, build_prefix
from app.pipeline.selecting import (
    MODES,
    Selection,
    check_selection,
    list_examples,
    make_selector,
    pick_examples,
    read_selection,
    settle_selection,
)
from app.pipeline.selecting.terms import list_terms
from app.pipeline.values import Pair, Prompt, Turn


def make_prompt(*annotations: str) -> Prompt:
    """A prompt with an example for each annotation."""
    turns: list[Turn] = []
    for text in annotations:
        turns += [Turn("user", text), Turn("assistant", (Pair(f"What about {text}?", f"It is {text}."),))]
    return Prompt("Ask about the picture.", tuple(turns))


def choose(annotations: Sequence[str], query: str, **selection: Any) -> list[str]:
    """The annotations of the examples that are shown with a query."""
    chosen = make_selector(make_prompt(*annotations), Selection(**selection)).choose(query)
    return [annotations[place] for place in chosen]


STREET = ("a red bus on a street", "a dog in a park", "two cups on a table", "a red bus and a blue bus on a street")


@pytest.mark.parametrize("response_format", ["text", "json_schema"])
@pytest.mark.parametrize("counts_pairs", [False, True])
def test_all_examples_in_their_order_are_the_bytes_of_the_whole_prompt(
    response_format: ResponseFormat, counts_pairs: bool
) -> None:
    prompt = make_prompt(*STREET)
    selector = make_selector(prompt, Selection())
    template = build_example_template(prompt, "tiny", {}, response_format, selector, counts_pairs=counts_pairs)
    whole = build_prefix(prompt, "tiny", {}, response_format, counts_pairs=counts_pairs)
    assert template.body("a cow", "Write one.") == whole.body("a cow", "Write one.")
    assert template.body_of(b'[{"type":"text"}]', "a cow") == whole.body_of(b'[{"type":"text"}]')


def test_a_request_holds_the_chosen_examples_and_no_other() -> None:
    prompt = make_prompt(*STREET)
    template = build_example_template(
        prompt, "tiny", {}, "json_schema", make_selector(prompt, Selection("nearest", k=1))
    )
    sent = orjson.loads(template.body("a dog runs in the park"))["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "a dog in a park" in sent[1]["content"]


def test_fixed_examples_are_the_first_that_fit() -> None:
    assert choose(STREET, "anything", k=2) == list(STREET[:2])
    short, long = "a cat", " ".join(["a very long annotation"] * 50)
    assert choose((short, long, short), "anything", max_tokens=60) == [short, short]


def test_a_random_choice_belongs_to_the_seed_and_the_annotation() -> None:
    pool = [f"picture {'x' * number}" for number in range(30)]
    first = choose(pool, "a cow", mode="random", k=3, seed=7)
    assert first == choose(pool, "a cow", mode="random", k=3, seed=7)
    assert first != choose(pool, "a cow", mode="random", k=3, seed=8)
    assert first != choose(pool, "a goat", mode="random", k=3, seed=7)
    assert choose(pool, "a cow", mode="random", k=5, seed=7)[:3] == first
    # The same on any machine and in any process: these very places.
    assert make_selector(make_prompt(*pool), Selection("random", 3, seed=7)).choose("a cow") == (13, 29, 26)


def test_the_nearest_are_those_that_read_most_alike() -> None:
    assert choose(STREET, "A red bus stands in the street", mode="nearest", k=1) == [STREET[0]]
    assert choose(STREET, "the dogs of the park", mode="nearest", k=1) == [STREET[1]]


def test_coverage_shows_what_others_do_not_show_yet() -> None:
    query = "a red bus on a street, a dog in a park, cups on a table"
    assert set(choose(STREET, query, mode="coverage", k=3)) == {STREET[1], STREET[2], STREET[3]} or set(
        choose(STREET, query, mode="coverage", k=3)
    ) == {STREET[0], STREET[1], STREET[2]}
    redundant = ("a red bus at noon", "a red bus at night", "a red bus at dawn", "a horse by a lake")
    assert "a horse by a lake" in choose(redundant, "a red bus and a horse", mode="coverage", k=2)
    assert "a horse by a lake" not in choose(redundant, "a red bus", mode="nearest", k=2)


def test_coverage_of_nothing_begins_with_the_typical_and_goes_on_to_the_different() -> None:
    pool = ("a red bus at noon", "a horse by a lake", "a red bus at night", "a red bus at dawn")
    chosen = choose(pool, "zzz", mode="coverage", k=2)
    assert chosen[0].startswith("a red bus")
    assert chosen[1] == "a horse by a lake"


@given(
    st.sampled_from(MODES),
    st.integers(0, 6),
    st.one_of(st.none(), st.integers(1, 120)),
    st.lists(st.text(st.sampled_from("ab cd ef"), max_size=40), max_size=8),
    st.text(st.sampled_from("ab cd ef"), max_size=40),
)
def test_no_choice_breaks_a_bound_or_shows_an_example_twice(
    mode: str, k: int, max_tokens: int | None, pool: list[str], query: str
) -> None:
    prompt = make_prompt(*pool)
    chosen = make_selector(prompt, Selection(mode, k, max_tokens)).choose(query)
    tokens = [example.tokens for example in list_examples(prompt)]
    spent = sum(tokens[place] for place in chosen)
    assert len(set(chosen)) == len(chosen) <= k
    assert max_tokens is None or spent <= max_tokens
    if len(chosen) < k:
        left = [tokens[place] for place in range(len(pool)) if place not in chosen]
        assert all(max_tokens is not None and spent + size > max_tokens for size in left)


def test_picked_examples_stand_in_the_order_of_choice() -> None:
    picked = pick_examples(make_prompt(*STREET), (2, 0))
    assert [turn.content for turn in picked.in_context[::2]] == [STREET[2], STREET[0]]


def test_words_that_say_what_a_text_is_about() -> None:
    assert list_terms("The two Cars are on the grass: [12, 3.5] it's") == ["car", "grass"]
    assert list_terms("红色汽车") == ["红色", "色汽", "汽车"]


def test_everything_wrong_with_a_selection_is_told_with_its_place() -> None:
    faults = check_selection({"mode": "best", "k": True, "max_tokens": 0, "sed": 1})
    assert {fault.pointer for fault in faults} == {
        "/examples/mode", "/examples/k", "/examples/max_tokens", "/examples/sed",
    }  # fmt: skip
    assert check_selection("coverage")[0].pointer == "/examples"
    assert check_selection({"mode": "coverage", "k": 3, "max_tokens": 900, "seed": 0}) == []


def test_a_job_remembers_the_seed_that_nobody_named() -> None:
    assert settle_selection({"examples": {"mode": "random"}, "target_pairs": 3}, 5) == {
        "examples": {"mode": "random", "seed": 5},
        "target_pairs": 3,
    }
    assert settle_selection({"examples": {"mode": "random", "seed": 1}}, 5)["examples"]["seed"] == 1
    assert settle_selection({}, 5) == {}
    assert read_selection(None).shows_all
    assert read_selection(Selection("nearest", 2, 100, 3).describe()) == Selection("nearest", 2, 100, 3)
