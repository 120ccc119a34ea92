"""What an order may say of the filter, and what becomes of it."""

from typing import Any

import pytest

from app.pipeline.filtering import RULES_BY_CODE, Severity, check_codes, check_filters, filter_pairs, plan_filters
from app.pipeline.values import Pair, Prompt
from datasets.house_rules import forbid

_PROMPT = Prompt("You look at pictures.")
_URL = Pair("What is written on the wall?", "The address https://example.org is.")
_REFUSAL = Pair("What is on the left?", "I cannot provide that information.")


def _judge(pair: Pair, **policy: Any) -> tuple[list[str], list[str]]:
    """(reasons of refusal, flags) of a pair."""
    result = filter_pairs([pair], plan=plan_filters(policy), prompt=_PROMPT, sentences="")
    return (
        [rejection.reason for rejection in result.rejections],
        [finding.code for found in result.findings.values() for finding in found],
    )


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [("flag", ([], ["url"])), ("reject", (["url"], [])), ("off", ([], [])), ("on", ([], ["url"]))],
)
def test_an_order_sets_what_a_rule_does(severity: str, verdict: tuple[list[str], list[str]]) -> None:
    assert _judge(_URL, rules={"url": severity}) == verdict


def test_the_baseline_can_be_softened_and_turned_off() -> None:
    assert _judge(_REFUSAL) == (["refusal"], [])
    assert _judge(_REFUSAL, rules={"refusal": "flag"}) == ([], ["refusal"])
    assert _judge(_REFUSAL, rules={"refusal": "off"}) == ([], [])


def test_a_house_rule_can_be_softened_by_its_code() -> None:
    rule = forbid("dogs", "No dogs.", r"\bdogs?\b")
    pair = Pair("Who barks?", "A dog does.")
    for rules, reasons, flags in (({}, ["dogs"], []), ({"dogs": "flag"}, [], ["dogs"]), ({"dogs": "off"}, [], [])):
        plan = plan_filters({"rules": rules}, [rule])
        result = filter_pairs([pair], plan=plan, prompt=_PROMPT, sentences="")
        assert [rejection.reason for rejection in result.rejections] == reasons
        assert [finding.code for found in result.findings.values() for finding in found] == flags


def test_a_kind_has_defaults_of_its_own_and_the_order_has_the_last_word() -> None:
    for rules, of_kind, expected in (
        ({}, {"url": "reject"}, (["url"], [])),
        ({"url": "off"}, {"url": "reject"}, ([], [])),
        ({}, {"url": "nonsense"}, ([], ["url"])),
    ):
        plan = plan_filters({"rules": rules}, (), of_kind)
        result = filter_pairs([_URL], plan=plan, prompt=_PROMPT, sentences="")
        flags = [finding.code for found in result.findings.values() for finding in found]
        assert ([rejection.reason for rejection in result.rejections], flags) == expected


def test_a_finding_says_which_version_of_the_rule_made_it() -> None:
    result = filter_pairs([_URL], prompt=_PROMPT, sentences="")
    [finding] = result.findings[0]
    assert finding.evidence == {"version": RULES_BY_CODE["url"].version}
    assert "https://example.org" in finding.detail


def test_rules_of_a_whole_job_are_off_until_they_are_ordered() -> None:
    assert plan_filters({}).job_rules == {}
    ordered = plan_filters({"rules": {"similar_in_dataset": "on", "similar_in_image": "reject"}})
    assert ordered.job_rules == {"similar_in_image": Severity.REJECT, "similar_in_dataset": Severity.FLAG}


@pytest.mark.parametrize(
    ("policy", "pointer", "code"),
    [
        ([], "/filters", "wrong_type"),
        ({"rule": {}}, "/filters/rule", "unknown_field"),
        ({"rules": ["url"]}, "/filters/rules", "wrong_type"),
        ({"rules": {"url": "repair"}}, "/filters/rules/url", "unknown_severity"),
        ({"rules": {"url": "drop"}}, "/filters/rules/url", "unknown_severity"),
        ({"rules": {"url": ["off"]}}, "/filters/rules/url", "unknown_severity"),
        ({"rules": {"mentions_boxes": "repair"}}, "/filters/rules/mentions_boxes", "unknown_severity"),
        ({"banned_names": "Sheldon"}, "/filters/banned_names", "wrong_type"),
        ({"banned_names": ["Sheldon", " "]}, "/filters/banned_names/1", "invalid_phrase"),
        ({"banned_words": ["x" * 101]}, "/filters/banned_words/0", "invalid_phrase"),
        ({"banned_words": ["x"] * 1001}, "/filters/banned_words", "too_many"),
        ({"instruction_words": [5]}, "/filters/instruction_words", "invalid_bounds"),
        ({"response_words": [5, 4]}, "/filters/response_words", "invalid_bounds"),
        ({"response_words": [True, 4]}, "/filters/response_words", "invalid_bounds"),
        ({"similarity": 0.2}, "/filters/similarity", "out_of_range"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_with_its_place(policy: Any, pointer: str, code: str) -> None:
    [fault] = check_filters(policy)
    assert (fault.pointer, fault.code) == (pointer, code)


def test_a_whole_policy_holds() -> None:
    policy = {
        "rules": {"question_without_answer": "reject", "url": "off", "white_space": "flag", "similar_in_dataset": "on"},
        "banned_names": ["Sheldon"],
        "banned_words": ["ferry"],
        "instruction_words": [3, 60],
        "response_words": [1, 300],
        "similarity": 0.9,
    }
    assert check_filters(policy) == []
    assert check_codes(policy, ()) == []


def test_a_rule_that_there_is_not_is_named_with_the_one_most_like_it() -> None:
    [fault] = check_codes({"rules": {"refusals": "off", "dogs": "off"}}, ["dogs"])
    assert (fault.pointer, fault.code) == ("/filters/rules/refusals", "unknown_rule")
    assert "'refusal'" in fault.message


def test_names_are_found_as_written_and_words_in_any_case() -> None:
    policy: dict[str, Any] = {"banned_names": ["Penny"], "banned_words": ["Laser Gun"]}
    assert _judge(Pair("Who waits?", "Penny does."), **policy) == (["banned_name"], [])
    assert _judge(Pair("What lies there?", "A penny does."), **policy) == ([], [])
    assert _judge(Pair("What lies there?", "A laser  gun does."), **policy) == ([], ["banned_word"])
