"""The judge: what it is shown, and how its verdict is read."""

import orjson
import pytest

from app.pipeline.judging import VERDICTS, Verdict, judge_prompt, pose_question, read_verdict, write_verdict
from app.pipeline.prompting import messages_of
from app.pipeline.values import Conversation, Pair

PAIR = Pair("What has changed?", "The car is gone.")
VERDICT = Verdict(True, 4, "Faithful, and a little dry.")


@pytest.mark.parametrize(
    "text",
    [
        write_verdict(VERDICT),
        orjson.dumps(VERDICT.describe()).decode(),
        f"```json\n{orjson.dumps(VERDICT.describe()).decode()}\n```",
        "**Verdict:** Accept\n**Score:** 4\n**Reason:** Faithful, and a little dry.",
        "Here is what I think.\n\nverdict: ACCEPT\nscore: 4\nreason: Faithful, and a little dry.",
    ],
)
def test_a_verdict_is_read_in_whatever_form_it_comes(text: str) -> None:
    assert read_verdict(text) == VERDICT


@pytest.mark.parametrize("text", ["", "It depends.", "verdict: maybe", '{"verdict": 3}', '{"score": 5}', "[1, 2]"])
def test_what_is_no_verdict_is_none_and_is_refused(text: str) -> None:
    assert read_verdict(text) is None
    parsed = VERDICTS.parse(text)
    assert (parsed.pairs, [each.reason for each in parsed.rejections]) == ((), ["unparseable"])


def test_a_score_out_of_range_is_left_out() -> None:
    assert read_verdict('{"verdict": "reject", "score": 9, "reason": "no"}') == Verdict(False, None, "no")


def test_what_is_recorded_of_a_verdict_holds_nothing_of_the_judges_own_words() -> None:
    first = VERDICTS.parse('{"verdict": "reject", "score": 2, "reason": "According to the description it is wrong."}')
    assert len(first.pairs) == 1
    assert "description" not in first.pairs[0].response


def test_the_judge_sees_the_notes_and_the_whole_reply() -> None:
    shown = pose_question("a car is gone", (Conversation("Parking", (PAIR, Pair("Why?", "It left."))),))
    assert shown.startswith("Notes:\na car is gone\n\nReply:\n")
    assert shown.count("Question:") == 2


@pytest.mark.parametrize("reply_format", ["json", "text"])
def test_the_examples_of_the_judge_are_in_the_form_that_is_asked_for(reply_format: str) -> None:
    messages = messages_of(judge_prompt(), "x", "json" if reply_format == "json" else "text", VERDICTS)
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    assert [verdict.accepts for text in said if (verdict := read_verdict(text))] == [True, False]
    assert all(text.startswith("{") == (reply_format == "json") for text in said)
