"""Review rules as pure functions: what they find, what they refuse, what they make of an edit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.review_rules import PLACES, Rewriter, TextRule, check_rule, suggest_rule
from app.pipeline.values import Pair


def rewrite(rule: TextRule, text: str) -> str:
    assert check_rule(rule) == []
    return Rewriter(rule).rewrite(Pair("Question?", text)).response


@pytest.mark.parametrize(
    ("rule", "text", "result"),
    [
        (TextRule("the user (you)", "you"), "Ask the user (you), then the user (you).", "Ask you, then you."),
        (TextRule("a.c", "x"), "abc a.c", "abc x"),
        (TextRule("car", "bus", whole_words=True), "a car, a cart, scar", "a bus, a cart, scar"),
        (TextRule("Car", "bus", ignore_case=True), "cAR", "bus"),
        (TextRule(" indeed", ""), "Yes indeed.", "Yes."),
        (
            TextRule("person {letter}", "the person", match="pattern"),
            "person C and person Do",
            "the person and person Do",
        ),
        (TextRule("at {number} o'clock", "at about {1}", match="pattern"), "at 10:30 o'clock", "at about 10:30"),
        (TextRule("{word} of {word}", "{2} {1}", match="pattern"), "a cup of tea.", "a tea cup."),
        (TextRule("{{{word}}}", "{{{1}}}!", match="pattern"), "{name}", "{name}!"),
        (TextRule("left{space}hand", "left-hand", match="pattern"), "left \n hand", "left-hand"),
    ],
)
def test_every_place_is_replaced_and_nothing_else(rule: TextRule, text: str, result: str) -> None:
    assert rewrite(rule, text) == result


def test_a_rule_for_one_side_leaves_the_other() -> None:
    pair = Pair("red?", "red.")
    assert Rewriter(TextRule("red", "blue", "instruction")).rewrite(pair) == Pair("blue?", "red.")
    assert Rewriter(TextRule("red", "blue", "both")).rewrite(pair) == Pair("blue?", "blue.")


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        (TextRule(" ", "x"), "/find", "empty"),
        (TextRule("x" * 501, "y"), "/find", "too_long"),
        (TextRule("x", "y" * 2001), "/replace", "too_long"),
        (TextRule("x", "x"), "/replace", "unchanged"),
        (TextRule("{thing} a", "x", match="pattern"), "/find", "unknown_place"),
        (TextRule("a } b", "x", match="pattern"), "/find", "lone_brace"),
        (TextRule("a" + "{word}" * 9, "x", match="pattern"), "/find", "too_many_places"),
        (TextRule("{word} {word}", "x", match="pattern"), "/find", "no_text"),
        (TextRule("a {word}", "{2}", match="pattern"), "/replace", "unknown_place"),
        (TextRule("a {word}", "{", match="pattern"), "/replace", "unknown_place"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(rule: TextRule, pointer: str, code: str) -> None:
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in check_rule(rule)]


def test_the_text_of_a_pattern_is_no_regular_expression() -> None:
    assert rewrite(TextRule("(a+)+$ {word}", "x", match="pattern"), "aaa (a+)+$ b") == "aaa x"


@given(st.text("ab {}12 .", max_size=40), st.text(alphabet="ab1 .-", max_size=200))
def test_no_pattern_ever_takes_more_than_a_bounded_run_at_each_place(find: str, text: str) -> None:
    """What a checked pattern compiles to has possessive runs only: nothing is ever tried twice at one place."""
    rule = TextRule(find, "", match="pattern")
    if check_rule(rule):
        return
    rewriter = Rewriter(rule)
    rewriter.rewrite(Pair("q", text))
    compiled = re.sub(r"\\.", "", rewriter._found.pattern)
    assert re.findall(r"[*+?]", re.sub(r"\{\d+,\d+\}\+|\(\?<?[!:]", "", compiled)) == []


def test_the_places_are_those_that_the_documentation_lists() -> None:
    assert PLACES == ("word", "letter", "number", "space")


@pytest.mark.parametrize(
    ("before", "after", "find", "replace"),
    [
        ("Ask the user (you) now.", "Ask you now.", "the user (you)", "you"),
        ("A red car and a red bus.", "A blue car and a blue bus.", "red", "blue"),
        ("It is sharp.", "It is not sharp.", "is ", "is not "),
        ("Yes indeed.", "Yes.", " indeed", ""),
    ],
)
def test_an_edit_shows_its_rule(before: str, after: str, find: str, replace: str) -> None:
    rule = suggest_rule(Pair("Q?", before), Pair("Q?", after))
    assert rule is not None
    assert (rule.find, rule.replace, rule.side) == (find, replace, "response")


def test_an_edit_of_both_texts_alike_is_a_rule_for_both() -> None:
    rule = suggest_rule(Pair("Is the car red?", "The car is red."), Pair("Is the bus red?", "The bus is red."))
    assert rule == TextRule("car", "bus", "both", whole_words=True)


def test_a_text_that_comes_after_a_full_stop_takes_the_word_before_it_along() -> None:
    rule = suggest_rule(Pair("Q?", "A bus left."), Pair("Q?", "A bus left. It was red."))
    assert rule is not None
    assert (rule.find, rule.replace) == ("left.", "left. It was red.")


def test_an_edit_of_several_things_is_no_rule() -> None:
    assert suggest_rule(Pair("Red?", "Yes."), Pair("Blue?", "No.")) is None
    assert suggest_rule(Pair("Q?", "a"), Pair("Q?", "a")) is None


WORDS = st.lists(st.sampled_from(["a", "red", "car", "is", "the", "."]), min_size=1, max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_a_suggested_rule_makes_the_edit_again(before: str, after: str) -> None:
    rule = suggest_rule(Pair("Q?", before), Pair("Q?", after))
    if rule is not None:
        assert Rewriter(rule).rewrite(Pair("Q?", before)).response == after


@given(WORDS, WORDS)
def test_a_diff_names_exactly_what_goes_and_comes(find: str, text: str) -> None:
    rule = TextRule(find, "X", "response")
    rewriter, shift, result = Rewriter(rule), 0, text
    for place in rewriter.compare(Pair("Q?", text)):
        start = place.at + shift
        assert result[start : start + len(place.removed)] == place.removed
        result = result[:start] + place.added + result[start + len(place.removed) :]
        shift += len(place.added) - len(place.removed)
    assert rewriter.rewrite(Pair("Q?", text)).response == result.strip()
