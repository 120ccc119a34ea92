"""The stop rule: what it asks for, what is met, and what it says."""

from dataclasses import replace

import pytest

from app.pipeline.stop_rule import Standing, StopRule, read_stop_rule, weigh_conditions

RULE = StopRule(examples=3, coverage=0.5, held_out_score=0.8, improvement=0.02)
DONE = Standing(examples=3, clusters=4, covered=2, scores=(0.85, 0.86))


def unmet(rule: StopRule, standing: Standing) -> list[str]:
    return [each.code for each in weigh_conditions(rule, standing) if not each.is_met]


def test_all_conditions_are_met_at_their_bounds() -> None:
    assert unmet(RULE, DONE) == []


@pytest.mark.parametrize(
    ("standing", "codes"),
    [
        (replace(DONE, examples=2), ["examples"]),
        (replace(DONE, covered=1), ["coverage"]),
        (replace(DONE, scores=(0.79, 0.79)), ["held_out_score"]),
        (replace(DONE, scores=(0.8, 0.9)), ["improvement"]),
        (replace(DONE, scores=(0.95, 0.85)), ["improvement"]),
        (replace(DONE, scores=(0.9,)), ["improvement"]),
        (replace(DONE, is_running=True), ["round"]),
        (replace(DONE, is_measured=False), ["round"]),
        (replace(DONE, scores=(0.9, None)), ["held_out_score", "improvement"]),
        (Standing(0, 4, 0, ()), ["round", "examples", "coverage", "held_out_score", "improvement"]),
    ],
)
def test_each_condition_fails_for_its_own_reason(standing: Standing, codes: list[str]) -> None:
    assert unmet(RULE, standing) == codes


def test_a_bound_that_is_null_asks_for_nothing() -> None:
    rule = replace(RULE, held_out_score=None, improvement=None)
    assert [each.code for each in weigh_conditions(rule, DONE)] == ["round", "examples", "coverage"]
    assert unmet(rule, replace(DONE, scores=(0.1,))) == []


def test_messages_say_what_was_found_and_what_is_asked_for() -> None:
    told = {each.code: each.message for each in weigh_conditions(RULE, replace(DONE, scores=(0.95, 0.7)))}
    assert told["examples"] == "3 of at least 3 examples are accepted."
    assert "2 of 4 clusters" in told["coverage"]
    assert "0.700; at least 0.800" in told["held_out_score"]
    assert "fell by 0.250" in told["improvement"]


def test_a_rule_that_the_items_cannot_meet_says_so() -> None:
    told = weigh_conditions(RULE, replace(DONE, examples=0, able=1))[1].message
    assert "only 1 item can give one" in told
    assert "ask for fewer" in told
    assert "cannot" not in weigh_conditions(RULE, replace(DONE, able=3))[1].message


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"examples": 0}, "/stop_rule/examples"),
        ({"examples": 2.5}, "/stop_rule/examples"),
        ({"examples": True}, "/stop_rule/examples"),
        ({"coverage": 1.1}, "/stop_rule/coverage"),
        ({"coverage": None}, "/stop_rule/coverage"),
        ({"held_out_score": -1}, "/stop_rule/held_out_score"),
        ({"improvement": "small"}, "/stop_rule/improvement"),
        ({"patience": 3}, "/stop_rule/patience"),
    ],
)
def test_values_that_make_no_sense_are_pointed_at(given: dict[str, object], pointer: str) -> None:
    assert [fault.pointer for fault in read_stop_rule(given)[1]] == [pointer]


def test_what_is_not_given_has_its_default() -> None:
    rule, faults = read_stop_rule({"examples": 2, "improvement": None})
    assert faults == []
    assert rule == replace(StopRule(), examples=2, improvement=None)
