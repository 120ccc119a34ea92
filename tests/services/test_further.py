"""An item that is asked until it has its pairs, reply by reply, by values."""

from dataclasses import replace

import orjson

from app.pipeline.chat import CompletionError
from app.pipeline.formats import PAIRS
from app.pipeline.quotas import SHORT
from app.pipeline.values import Pair, Prompt, Turn
from app.services.answers import ItemUnit, PaidCall, fail_call, poison_unit, read_item_answer
from app.services.claims import JobContext
from app.services.further import carry_on, end_failed, end_item, is_asked_out, note_of, skip_item
from app.store.outcomes import Outcome

EXAMPLES = tuple(
    turn
    for number, thing in enumerate(("lamp", "chair", "window"))
    for turn in (
        Turn("user", f"a {thing}"),
        Turn("assistant", (Pair(f"What can be said about the {thing}?", f"The {thing} has number {number}. " * 3),)),
    )
)
UNIT = ItemUnit(1, "a red car beside a tree")


def job(**policies: object) -> JobContext:
    return JobContext(
        job_id=1,
        dataset_id=2,
        model="m",
        parameters={},
        languages=(),
        stages=("generate",),
        price=None,
        has_budget=False,
        seed=3,
        calls_per_shard=0,
        prompt=Prompt("Ask about the picture.", EXAMPLES),
        reply_format="json",
        house_rules=(),
        fewest_pairs=1,
        grammar=PAIRS,
        most_pairs=None,
        policies=policies,
    )


def reply(*questions: str) -> bytes:
    pairs = [{"instruction": question, "response": f"It is about {question}"} for question in questions]
    message = {"role": "assistant", "content": orjson.dumps({"pairs": pairs}).decode()}
    return orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}})


def read(context: JobContext, unit: ItemUnit, call_id: int, rounds: int, *questions: str) -> tuple[Outcome, ItemUnit]:
    call = PaidCall(call_id, "ok")
    outcome = read_item_answer(context, unit, call, reply(*questions), rounds)
    return outcome, carry_on(unit, outcome, call)


def test_an_item_ends_with_exactly_as_many_pairs_as_were_asked_for() -> None:
    context = job(pairs_per_item=3)
    first, unit = read(context, UNIT, 11, 1, "Where is the car?", "What colour is it?")
    assert (first.verdict, first.call_state, first.pairs, first.rejections) == (None, "ok", (), ())
    assert "- Where is the car?" in note_of(context, unit)
    assert "exactly 1 further pair" in note_of(context, unit)
    second, unit = read(context, unit, 12, 2, "Where is the car?", "What stands near it?", "Is it parked?")
    assert (second.verdict, second.code) == ("done", None)
    assert [(pair.ordinal, pair.instruction, pair.call_id) for pair in second.pairs] == [
        (0, "Where is the car?", 11),
        (1, "What colour is it?", 11),
        (2, "What stands near it?", 12),
    ]
    refused = [(reply.call_id, refusal.reason) for reply in second.earlier for refusal in reply.rejections]
    assert refused == [(12, "duplicate"), (12, "surplus_pair")]


def test_more_than_asked_for_is_surplus_at_once() -> None:
    outcome, _ = read(job(pairs_per_item=1), UNIT, 11, 1, "Where is the car?", "What colour is it?")
    assert (outcome.verdict, len(outcome.pairs)) == ("done", 1)
    assert [refusal.reason for reply in outcome.earlier for refusal in reply.rejections] == ["surplus_pair"]


def test_an_item_that_stays_short_ends_after_three_further_calls_and_says_why() -> None:
    context, unit = job(pairs_per_item=3), UNIT
    for rounds in (1, 2, 3):
        outcome, unit = read(context, unit, 10 + rounds, rounds, "Where is the red car?")
        assert outcome.verdict is None
    outcome, _ = read(context, unit, 14, 4, "Where is the red car?")
    assert (outcome.verdict, outcome.end.code, len(outcome.pairs)) == ("done", SHORT, 1)
    assert outcome.end.detail == "1 of 3 pairs after 4 replies: duplicate"


def test_an_item_without_any_pair_fails_as_it_always_did_after_its_further_calls() -> None:
    context, unit = job(pairs_per_item=2), UNIT
    for rounds in (1, 2, 3):
        _, unit = read(context, unit, 10 + rounds, rounds)
    outcome, _ = read(context, unit, 14, 4)
    assert (outcome.verdict, outcome.end.code, outcome.pairs) == ("failed", "no_pairs", ())
    assert "this is request 4" in note_of(context, unit)


def test_what_earlier_replies_brought_outlives_a_call_that_fails_for_good() -> None:
    context = job(pairs_per_item=3)
    _, unit = read(context, UNIT, 11, 1, "Where is the car?", "What colour is it?")
    final = CompletionError("content_filter", "refused by the endpoint", retryable=False)
    failed = fail_call(context, "generate", unit, PaidCall(12, "failed"), final)
    outcome = end_failed(context, unit, failed)
    assert (outcome.verdict, outcome.call_state, outcome.code) == ("done", "failed", "content_filter")
    assert (outcome.end.code, outcome.end.call_id, len(outcome.pairs)) == (SHORT, 11, 2)
    assert "content_filter" in (outcome.end.detail or "")
    poisoned = end_failed(context, unit, poison_unit(context, "generate", unit, "lost"))
    assert (poisoned.verdict, poisoned.end.code) == ("done", SHORT)
    assert end_failed(context, UNIT, replace(failed, verdict="failed")).verdict == "failed"


def test_stored_replies_are_read_to_their_end_before_an_item_is_given_up() -> None:
    context = job(pairs_per_item=3)
    closed = PaidCall(12, None, most_pairs=3)
    outcome, unit = read(context, UNIT, 11, 0, "Where is the car?")
    outcome = read_item_answer(context, unit, closed, reply("What colour is it?"), rounds=0)
    unit = carry_on(unit, outcome, closed)
    assert outcome.verdict is None
    assert is_asked_out(unit, rounds=2)
    ended = end_item(context, unit)
    assert (ended.verdict, ended.end.code, ended.call_id, len(ended.pairs)) == ("done", SHORT, 12, 2)
    assert not is_asked_out(UNIT, rounds=0)


def test_an_item_that_is_not_needed_is_skipped_and_one_that_began_keeps_what_it_has() -> None:
    context = job(pairs_per_item=3, target_pairs=100)
    skipped = skip_item(context, UNIT)
    assert (skipped.verdict, skipped.code, skipped.call_id) == ("skipped", "target_reached", None)
    _, unit = read(context, UNIT, 11, 1, "Where is the car?")
    begun = skip_item(context, unit)
    assert (begun.verdict, len(begun.pairs), begun.target_pairs) == ("done", 1, 100)


def test_without_a_number_one_reply_decides() -> None:
    outcome, _ = read(job(), UNIT, 11, 1, "Where is the car?")
    assert (outcome.verdict, outcome.earlier, outcome.pairs_per_item) == ("done", (), None)
    assert note_of(job(), UNIT) == ""


def test_an_example_that_was_not_shown_may_not_be_copied_either() -> None:
    context = job(examples={"mode": "nearest", "k": 1})
    content = EXAMPLES[5].content
    assert isinstance(content[0], Pair)
    pairs = [{"instruction": content[0].instruction, "response": content[0].response}]
    message = {"role": "assistant", "content": orjson.dumps({"pairs": pairs}).decode()}
    raw = orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}})
    outcome = read_item_answer(context, ItemUnit(1, "a lamp"), PaidCall(9, "ok"), raw)
    assert [rejection.reason for rejection in outcome.rejections] == ["copied_example"]
