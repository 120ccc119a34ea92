"""The heuristic scores of a reply, one by one."""

import pytest

from app.pipeline.candidate_scores import Reply, mean_scores, measure_grounding, score_reply
from app.pipeline.grounding import ground_pairs
from app.pipeline.values import Pair, Rejection

GOOD = (
    Pair(
        "What has changed between the two pictures?", "The white van by the gate is gone, and two people stand there."
    ),
    Pair("Is the way to the door free now?", "Yes, nothing stands in front of the door in the second picture."),
)
NOTES = "the white van near the gate has left\ntwo people are standing at the gate\nnothing blocks the door"
TORN = Rejection("unparseable", "a piece that is no pair", "And so on")
RULED = Rejection("duplicate", "the same pair stands before it", "x", GOOD[0])
LEAKED = Rejection("leaked_annotation", "it speaks of the annotation", "x", GOOD[0])


def test_a_clean_reply_scores_high_in_everything() -> None:
    scores = score_reply(Reply(GOOD), NOTES)
    assert (scores.parses, scores.pairs, scores.length, scores.rules, scores.leaks) == (1, 1, 1, 1, 1)
    assert scores.diversity > 0.8
    assert scores.relevance > 0.6
    assert scores.grounding is None
    assert scores.overall > 0.9


def test_a_reply_without_a_pair_is_worth_nothing() -> None:
    assert score_reply(Reply((), (TORN,)), NOTES).overall == 0
    assert score_reply(Reply((), (LEAKED,)), NOTES).overall == 0


@pytest.mark.parametrize(
    ("reply", "name", "score"),
    [
        (Reply(GOOD, (TORN,)), "parses", 2 / 3),
        (Reply(GOOD, (RULED,)), "rules", 2 / 3),
        (Reply(GOOD, flagged=1), "rules", 1 / 2),
        (Reply(GOOD, (LEAKED,)), "leaks", 2 / 3),
        (Reply((GOOD[0], Pair("Why is it gone?", "The description does not tell us why.")), ()), "leaks", 1 / 2),
        (Reply((GOOD[0], Pair("Why?", "No."))), "length", 1 / 2),
        (Reply((GOOD[0], GOOD[0])), "diversity", 0),
        (Reply(GOOD, grounding=0.25), "grounding", 0.25),
    ],
)
def test_each_fault_costs_its_own_score_and_the_overall_one(reply: Reply, name: str, score: float) -> None:
    clean, scored = score_reply(Reply(GOOD), NOTES), score_reply(reply, NOTES)
    described = scored.describe()
    assert described[name] == pytest.approx(score, abs=1e-3)
    assert scored.overall < clean.overall
    untouched = {"parses", "rules", "leaks", "length", "diversity"} - {name}
    assert all(described[other] is not None for other in untouched)


def test_fewer_pairs_than_the_kind_wants_cost_in_proportion() -> None:
    assert score_reply(Reply(GOOD), NOTES, fewest=6).pairs == pytest.approx(1 / 3)
    assert score_reply(Reply(GOOD, (Rejection("too_few_pairs", "2 of 6"),)), NOTES, fewest=6).parses == 1


def test_means_leave_out_what_was_not_scored() -> None:
    means = mean_scores([score_reply(Reply(GOOD, grounding=0.5), NOTES), score_reply(Reply(GOOD), NOTES)])
    assert means["grounding"] == 0.5
    assert means["parses"] == 1
    assert mean_scores([])["overall"] is None


def test_what_the_annotation_speaks_against_costs_grounding() -> None:
    notes = "there are two red cars near the gate"
    right = Pair("How many cars are there?", "There are two red cars near the gate.")
    wrong = Pair("How many cars are there?", "There are five red cars near the gate.")
    assert measure_grounding(ground_pairs(notes, [right])) == 1
    share = measure_grounding(ground_pairs(notes, [wrong]))
    assert share is not None
    assert share < 1
    assert measure_grounding(ground_pairs(notes, [Pair("Why?", "Because.")])) is None


def test_a_reply_about_something_else_is_not_relevant_and_a_long_annotation_need_not_be_told_whole() -> None:
    invented = Pair("What stands there?", "A brass trumpet lies beside the fountain.")
    assert score_reply(Reply((invented,)), NOTES).relevance == 0
    long = "\n".join(f"item{chr(97 + n // 26)}{chr(97 + n % 26)} lies on the shelf" for n in range(300))
    told = Pair("What lies on the shelf?", "On the shelf lies itemab.")
    assert score_reply(Reply((told,)), long).relevance == 1
