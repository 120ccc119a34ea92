"""Conversations as models really write them, and what becomes of rounds that stand on a refused one."""

import json
from typing import Any

import pytest

from app.pipeline.formats import EARLIER_ROUND_REFUSED, find_grammar, parse_conversations
from app.pipeline.values import Conversation, Pair
from tests.pipeline.test_formats_in_the_wild import SPELLINGS

_TEA = (Pair("Why here?", "A kettle stands there."), Pair("What next?", "Fill it."))
_SLEEP = (Pair("Why rest here?", "The bed is soft."),)
_BOTH = (Conversation("Tea for two", _TEA, "There is a kettle."), Conversation("Sleep", _SLEEP, "It is quiet."))
_BARE = tuple(Conversation(each.title, each.rounds) for each in _BOTH)
_TITLELESS = tuple(Conversation("", each.rounds) for each in _BOTH)

_QA = "Q: Why here?\nA: A kettle stands there.\n\nQ: What next?\nA: Fill it."
_QB = "Q: Why rest here?\nA: The bed is soft."
_RA = [{"q": "Why here?", "a": "A kettle stands there."}, {"q": "What next?", "a": "Fill it."}]
_RB = [{"question": "Why rest here?", "answer": "The bed is soft."}]
_MA = [{"role": "user", "content": "Why here?"}, {"role": "assistant", "content": "A kettle stands there."},
       {"role": "user", "content": "What next?"}, {"role": "assistant", "content": "Fill it."}]  # fmt: skip

_WITH_REASON = {
    "as it is asked for": f"Conversation 1: Tea for two\nReason: There is a kettle.\n\n{_QA}\n\n"
    f"Conversation 2: Sleep\nReason: It is quiet.\n\n{_QB}",
    "a preamble": f"Sure, here are two:\n\nConversation 1: Tea for two\nReason: There is a kettle.\n{_QA}\n"
    f"Conversation 2: Sleep\nReason: It is quiet.\n{_QB}",
    "bold": f"**Conversation 1: Tea for two**\n**Reason:** There is a kettle.\n\n{_QA}\n\n---\n\n"
    f"**Conversation 2: Sleep**\n**Reason:** It is quiet.\n\n{_QB}",
    "bold up to the colon": f"**Conversation 1:** Tea for two\n**Reason**: There is a kettle.\n\n{_QA}\n\n"
    f"**Conversation 2:** Sleep\n**Reason**: It is quiet.\n\n{_QB}",
    "headings": f"### Conversation 1: Tea for two\n\nThere is a kettle.\n\n{_QA}\n\n### Conversation 2: Sleep\n\n"
    f"It is quiet.\n\n{_QB}",
    "dashes": f"## Scenario 1 - Tea for two\nReason: There is a kettle.\n{_QA}\n\n## Scenario 2 – Sleep\n"
    f"Rationale: It is quiet.\n{_QB}",
    "activities": f"Activity: Tea for two\nReason: There is a kettle.\n{_QA}\n\nActivity: Sleep\nReason: It is quiet.\n"
    f"{_QB}",
    "numbers, titles below": f"Conversation 1\nTitle: Tea for two\nReason: There is a kettle.\n{_QA}\n\n"
    f"Conversation 2\nTitle: Sleep\nReason: It is quiet.\n{_QB}",
    "activities below": f"Conversation 1:\nActivity: Tea for two\nReason: There is a kettle.\n{_QA}\n\n"
    f"Conversation 2:\nActivity: Sleep\nWhy it suits the room: It is quiet.\n{_QB}",
    "a fence": f"```\nConversation 1: Tea for two\nReason: There is a kettle.\n{_QA}\n\nConversation 2: Sleep\n"
    f"Reason: It is quiet.\n{_QB}\n```",
    "fences": f"Conversation 1: Tea for two\nReason: There is a kettle.\n```\n{_QA}\n```\nConversation 2: Sleep\n"
    f"Reason: It is quiet.\n```text\n{_QB}\n```",
    "no word": f"## Tea for two\nReason: There is a kettle.\n{_QA}\n\n## Sleep\nReason: It is quiet.\n{_QB}",
    "bold entries": f"1. **Tea for two**\nReason: There is a kettle.\n{_QA}\n\n2. **Sleep**\nReason: It is quiet.\n"
    f"{_QB}",
    "a reason over two lines": f"Conversation 1: Tea for two\nReason: There is\na kettle.\n{_QA}\n\n"
    f"Conversation 2: Sleep\nReason:\nIt is quiet.\n{_QB}",
}
_WITHOUT_REASON = {
    "numbers and titles": f"Conversation 1: Tea for two\n{_QA}\nConversation 2: Sleep\n{_QB}",
    "rounds numbered": "Conversation 1: Tea for two\nRound 1\nQ: Why here?\nA: A kettle stands there.\n\nRound 2\n"
    f"Q: What next?\nA: Fill it.\n\nConversation 2: Sleep\n\nRound 1\n{_QB}",
}


@pytest.mark.parametrize("spelling", _WITH_REASON)
def test_a_spelling_in_use_is_read(spelling: str) -> None:
    parsed = parse_conversations(_WITH_REASON[spelling])
    assert parsed.conversations == _BOTH
    assert parsed.rejections == ()


@pytest.mark.parametrize("spelling", _WITHOUT_REASON)
def test_a_reason_may_be_missing(spelling: str) -> None:
    parsed = parse_conversations(_WITHOUT_REASON[spelling])
    assert parsed.conversations == _BARE
    assert parsed.rejections == ()


_TOLD: list[Any] = [
    {"conversations": [{"title": "Tea for two", "reason": "There is a kettle.", "rounds": _RA},
                       {"title": "Sleep", "reason": "It is quiet.", "rounds": _RB}]},
    [{"activity": "Tea for two", "why": "There is a kettle.", "dialogue": _MA},
     {"activity": "Sleep", "why": "It is quiet.", "dialogue": _RB}],
    {"conversation_1": {"topic": "Tea for two", "rationale": "There is a kettle.", "turns": _RA},
     "conversation_2": {"topic": "Sleep", "rationale": "It is quiet.", "turns": {"round_1": _RB[0]}}},
]  # fmt: skip
_UNTOLD: list[tuple[Any, tuple[Conversation, ...]]] = [
    ({"Tea for two": _RA, "Sleep": _RB}, _BARE),
    ({"activities": {"Tea for two": {"rounds": _RA}, "Sleep": {"rounds": _RB}}}, _BARE),
    ([_RA, _RB], _TITLELESS),
    ({"data": {"conversations": [_RA, _RB]}}, _TITLELESS),
]


@pytest.mark.parametrize("value", _TOLD)
@pytest.mark.parametrize("frame", ["%s", "Here they are:\n```json\n%s\n```", "%s\nI hope this helps!"])
def test_json_is_read_under_whatever_keys(value: Any, frame: str) -> None:
    parsed = parse_conversations(frame % json.dumps(value))
    assert parsed.conversations == _BOTH
    assert parsed.rejections == ()


@pytest.mark.parametrize(("value", "read"), _UNTOLD)
def test_json_without_titles_or_reasons_is_read(value: Any, read: tuple[Conversation, ...]) -> None:
    parsed = parse_conversations(json.dumps(value))
    assert parsed.conversations == read
    assert parsed.rejections == ()


@pytest.mark.parametrize("value", _TOLD)
def test_json_that_is_nearly_valid_is_mended(value: Any) -> None:
    for broken in (repr(value), json.dumps(value).replace("]", ",]").replace("}", ",}")):
        parsed = parse_conversations(broken)
        assert parsed.conversations == _BOTH
        assert parsed.rejections == ()


def test_conversations_may_come_one_object_a_line() -> None:
    lines = "\n".join(json.dumps(each) for each in _TOLD[1])
    assert parse_conversations(lines).conversations == _BOTH


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_rounds_without_a_heading_are_one_conversation(spelling: str) -> None:
    parsed = parse_conversations(SPELLINGS[spelling])
    rounds = [pair for each in parsed.conversations for pair in each.rounds]
    assert rounds == [Pair("What?", "A dog."), Pair("Where?", "Up a hill.")]
    assert parsed.rejections == ()


def test_a_torn_text_keeps_its_whole_rounds_and_refuses_the_torn_one() -> None:
    text = _WITH_REASON["as it is asked for"]
    parsed = parse_conversations(text[: text.index("l it.")], truncated=True)
    assert parsed.conversations == (Conversation("Tea for two", _TEA[:1], "There is a kettle."),)
    assert [(refused.reason, refused.text) for refused in parsed.rejections] == [("truncated", "What next?\nFil")]


def test_a_reply_torn_before_the_first_round_of_a_conversation_says_so() -> None:
    text = _WITH_REASON["as it is asked for"]
    parsed = parse_conversations(text[: text.index("It is quiet")], truncated=True)
    assert [len(each.rounds) for each in parsed.conversations] == [2, 0]
    assert [refused.reason for refused in parsed.rejections] == ["truncated"]


def test_a_torn_json_keeps_its_whole_rounds_and_refuses_the_torn_one() -> None:
    text = json.dumps(_TOLD[0])
    parsed = parse_conversations(text[: text.index("Fill")], truncated=True)
    assert parsed.conversations == (Conversation("Tea for two", _TEA[:1], "There is a kettle."),)
    assert [refused.reason for refused in parsed.rejections] == ["truncated"]
    assert "What next?" in parsed.rejections[0].text


@pytest.mark.parametrize("in_json", [True, False])
def test_rounds_after_one_that_cannot_be_read_are_refused_in_that_conversation_only(in_json: bool) -> None:
    rounds = [{"question": f"Question number {n}?", "answer": f"Answer {n}."} for n in range(4)]
    rounds[1]["answer"] = ""
    if in_json:
        text = json.dumps([{"title": "A", "rounds": rounds}, {"title": "B", "rounds": _RB}])
    else:
        text = "Conversation 1: A\n" + "\n".join(f"Q: {each['question']}\nA: {each['answer']}" for each in rounds)
        text += f"\nConversation 2: B\n{_QB}"
    parsed = parse_conversations(text)
    first = Pair("Question number 0?", "Answer 0.")
    assert parsed.conversations == (Conversation("A", (first,)), Conversation("B", _SLEEP))
    reasons = [(refused.reason, refused.pair and refused.pair.response) for refused in parsed.rejections]
    later = EARLIER_ROUND_REFUSED[0]
    assert reasons == [("empty", ""), (later, "Answer 2."), (later, "Answer 3.")]


def test_words_to_the_reader_refuse_nothing_but_themselves() -> None:
    text = f"{_WITH_REASON['bold']}\n\nLet me know if you need more!"
    parsed = parse_conversations(text)
    assert parsed.conversations == _BOTH
    assert [refused.reason for refused in parsed.rejections] == ["chatter"]


def test_what_is_no_conversation_is_refused_with_its_text() -> None:
    assert [refused.reason for refused in parse_conversations("").rejections] == ["empty"]
    assert [refused.reason for refused in parse_conversations("[]").rejections] == ["empty"]
    assert [refused.reason for refused in parse_conversations('{"title": "Tea"}').rejections] == ["unparseable"]
    assert [refused.reason for refused in parse_conversations("No.").rejections] == ["unparseable"]
    [refused] = parse_conversations("Conversation 1: Tea\nReason: a kettle").rejections
    assert (refused.reason, refused.text) == ("unparseable", "Tea\nReason: a kettle")


def test_no_more_is_taken_than_the_kind_asks_for() -> None:
    text = "\n".join(
        f"Conversation {c}: Title\n" + "\n".join(f"Q: {c} and {r}?\nA: Yes." for r in range(3)) for c in range(3)
    )
    parsed = find_grammar("conversations", conversations=2, rounds=2).parse(text)
    assert [(pair.conversation, pair.instruction) for pair in parsed.pairs] == [
        (0, "0 and 0?"), (0, "0 and 1?"), (1, "1 and 0?"), (1, "1 and 1?")
    ]  # fmt: skip
    assert [refused.reason for refused in parsed.rejections] == ["surplus"] * 5
    assert len(find_grammar("conversations").parse(text).pairs) == 9


def test_a_long_hostile_reply_is_read_in_one_pass() -> None:
    text = "Conversation 1: x\n" * 3_000 + "**Reason" * 3_000 + "# a\n\n" * 3_000
    parsed = parse_conversations(text)
    assert len(parsed.conversations) == 1_000
    assert parsed.rejections[0].detail == "text after 1000 conversations"
