"""Repairs: what is mended, in which words, and what is left alone because it is right or may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.filtering import FilterResult, filter_pairs, plan_filters
from app.pipeline.filtering.repairs import REPAIRS
from app.pipeline.values import Pair, Prompt, Repair

_PROMPT = Prompt("You look at pictures.")
_Q, _A = "What is going on at the pier?", "A ferry is about to leave."


def _filter(pair: Pair, **severities: str) -> FilterResult:
    return filter_pairs([pair], plan=plan_filters({"rules": severities}), prompt=_PROMPT, sentences="")


def _mended(instruction: str, response: str) -> tuple[str, str, list[str]]:
    result = _filter(Pair(instruction, response))
    [pair] = result.accepted
    return pair.instruction, pair.response, [repair.rule for repair in result.repairs.get(0, ())]


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ("The user (you) is holding a spoon.", "You are holding a spoon."),
        ("Then the user (you) picks it up.", "Then you pick it up."),
        ("After that, the camera wearer (you) washes the cup.", "After that, you wash the cup."),
        ("While the person (you) carries the bag, a dog barks.", "While you carry the bag, a dog barks."),
        ("The dog follows the user (you) across the yard.", "The dog follows you across the yard."),
        ("She gives the user (you) books to read.", "She gives you books to read."),
        ("It lies beside the user's (your) hand.", "It lies beside your hand."),
        ("It was the user (you) who had left it.", "It was you who had left it."),
        ("The wearer (you) doesn't look up.", "You don't look up."),
    ],
)
def test_the_user_you_becomes_you(said: str, mended: str) -> None:
    assert _mended("What do I do?", said) == ("What do I do?", mended, ["says_you"])


@pytest.mark.parametrize(
    ("pair", "mended"),
    [
        (("Question: What is it?", _A), ("What is it?", _A)),
        (("Q1: What is it?", "A1: A ferry."), ("What is it?", "A ferry.")),
        (("**Question 2:** What is it?", "**Answer:** A ferry."), ("What is it?", "A ferry.")),
        (("Instruction - What is it?", "Response - A ferry."), ("What is it?", "A ferry.")),
        (("User: What is it?", "Assistant: A ferry."), ("What is it?", "A ferry.")),
        (("Question 3. What is it?", "A: A ferry."), ("What is it?", "A ferry.")),
    ],
)
def test_a_label_at_the_beginning_goes(pair: tuple[str, str], mended: tuple[str, str]) -> None:
    assert _mended(*pair) == (*mended, ["leftover_label"])


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ("A **large** ferry.", "A large ferry."),
        ("A __large__ ferry.", "A large ferry."),
        ("It says `exit` there.", "It says exit there."),
        ("# The pier\nA ferry leaves.", "The pier\nA ferry leaves."),
        ("A ferry.<br>It leaves.", "A ferry.\nIt leaves."),
        ("A <b>large</b> ferry &amp; a boat.", "A large ferry & a boat."),
        ("Bread&nbsp;and butter.", "Bread and butter."),
    ],
)
def test_marks_go_and_their_text_stays(said: str, mended: str) -> None:
    assert _mended(_Q, said) == (_Q, mended, ["leftover_markup"])


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ('The sign says \\"exit\\".', 'The sign says "exit".'),
        ("The sign says ``exit''.", 'The sign says "exit".'),
        ("The sign says ''exit'' in red.", 'The sign says "exit" in red.'),
        ("The sign says `exit' in red.", "The sign says 'exit' in red."),
    ],
)
def test_wrong_quotation_marks_become_plain_ones(said: str, mended: str) -> None:
    assert _mended(_Q, said) == (_Q, mended, ["quotes"])


def test_marks_around_a_whole_pair_go_and_those_of_a_quoted_sign_stay() -> None:
    assert _mended(f'"{_Q}"', f"“{_A}”") == (_Q, _A, ["quotes"])
    assert _mended("What does the sign say?", '"Way out"') == ("What does the sign say?", '"Way out"', [])


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ("A  ferry   is\tabout to leave.", "A ferry is about to leave."),
        ("A ferry , a boat .", "A ferry, a boat."),
        ("A ferry.\n\n\n\nA boat.", "A ferry.\n\nA boat."),
        ("A ferry. \nA boat.", "A ferry.\nA boat."),
        ("A fer\u200bry.", "A ferry."),
        ("A\u00a0ferry.", "A ferry."),
    ],
)
def test_white_space_is_mended(said: str, mended: str) -> None:
    assert _mended(_Q, said) == (_Q, mended, ["white_space"])


@pytest.mark.parametrize(
    "said",
    [
        "A 3.5 metre wall separates them.",
        "A. Smith is written on the door.",
        "User-friendly signs show the way.",
        "Answering machines stand on the shelf.",
        "It says 5 * 3 * 2 on the board, and 2**3 below.",
        "The file is called __init__.py_old or so.",
        "Steps:\n    1. Open the door.\n    2. Go in.",
        "He says: 'It's five o'clock', and leaves.",
        "The ratio is 3 : 2.",
        "Prices: 3 < 5 & 7 > 2.",
        "The rock 'n' roll band plays.",
    ],
)
def test_what_only_looks_wrong_is_left_alone(said: str) -> None:
    assert _mended(_Q, said) == (_Q, said, [])


def test_each_repair_is_kept_with_what_stood_before_it() -> None:
    before = Pair("Question: What  is it?", "**A ferry.**")
    result = _filter(before)
    steps = [
        Repair("leftover_label", before, Pair("What  is it?", "**A ferry.**")),
        Repair("leftover_markup", Pair("What  is it?", "**A ferry.**"), Pair("What  is it?", "A ferry.")),
        Repair("white_space", Pair("What  is it?", "A ferry."), Pair("What is it?", "A ferry.")),
    ]
    assert result.accepted == (Pair("What is it?", "A ferry."),)
    assert list(result.repairs[0]) == steps


def test_a_repair_may_flag_or_refuse_or_do_nothing_instead() -> None:
    pair = Pair(_Q, "A  ferry.")
    flagged, refused, off = (_filter(pair, white_space=severity) for severity in ("flag", "reject", "off"))
    assert (flagged.accepted, [finding.code for finding in flagged.findings[0]]) == ((pair,), ["white_space"])
    assert [rejection.reason for rejection in refused.rejections] == ["white_space"]
    assert (off.accepted, off.findings, off.repairs) == ((pair,), {}, {})


def test_rules_see_what_a_repair_made_of_a_pair_and_a_refusal_keeps_what_the_model_wrote() -> None:
    repeated = [Pair("What is there to see?", "A ferry."), Pair("Question: What is there to see?", "A ferry.")]
    result = filter_pairs(repeated, prompt=_PROMPT, sentences="")
    assert [(rejection.reason, rejection.pair) for rejection in result.rejections] == [("duplicate", repeated[1])]


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_repair_done_twice_is_a_repair_done_once_and_leaves_words(instruction: str, response: str) -> None:
    pair = Pair(instruction.strip(), response.strip())
    for rule in REPAIRS:
        assert rule.mend is not None
        pair = rule.mend(pair)
    assert bool(pair.instruction.strip()) == bool(instruction.strip())
    again = filter_pairs([pair], prompt=_PROMPT, sentences="")
    if again.accepted:
        assert REPAIRS[-1].mend is not None
        assert REPAIRS[-1].mend(pair) == pair
