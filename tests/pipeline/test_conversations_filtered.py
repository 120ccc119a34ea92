"""Rounds stand on one another: what the filters do with a conversation, and how a request asks for some."""

import orjson
import pytest

from app.pipeline.filtering import filter_pairs
from app.pipeline.formats import ReplyFormat, find_grammar, parse_conversations, read_content
from app.pipeline.formats.schemas import conversations_schema
from app.pipeline.prompting import build_prefix, messages_of
from app.pipeline.values import Conversation, Pair, Prompt, Turn
from datasets.house_rules import forbid, require_in_instruction

_GRAMMAR = find_grammar("conversations", 2, 3)
_PROMPT = Prompt("You look at rooms.")
_ASKS_WHY = require_in_instruction("no_reason", "It must ask why.", r"\bwhy\b", round_number=0)
_NO_DOGS = forbid("dogs", "No dogs.", r"\bdogs?\b")


def _rounds(conversation: int, *questions: str) -> list[Pair]:
    return [Pair(question, f"Because of {question}", conversation) for question in questions]


def _filter(pairs: list[Pair]) -> tuple[list[str], list[tuple[str, int | None]]]:
    rules = [_ASKS_WHY, _NO_DOGS]
    result = filter_pairs(pairs, house_rules=rules, prompt=_PROMPT, sentences="", grammar=_GRAMMAR)
    refused = [(rejection.reason, rejection.ordinal) for rejection in result.rejections]
    return [pair.instruction for pair in result.accepted], refused


def test_rounds_after_a_refused_one_are_refused_and_other_conversations_stay() -> None:
    first = _rounds(0, "Why the tea?", "Is the dog there?", "Where then?")
    second = _rounds(1, "Why the nap?", "On which bed?", "Until when?")
    accepted, refused = _filter([*first, *second])
    assert accepted == ["Why the tea?", "Why the nap?", "On which bed?", "Until when?"]
    assert refused == [("dogs", 1), ("earlier_round_refused", 2)]


def test_a_rule_may_be_about_the_first_round_only() -> None:
    accepted, refused = _filter([*_rounds(0, "Who made tea?", "Why?"), *_rounds(1, "Why the nap?", "Who sleeps?")])
    assert accepted == ["Why the nap?", "Who sleeps?"]
    assert refused == [("no_reason", 0), ("earlier_round_refused", 1)]


def test_a_later_round_may_ask_what_another_conversation_asked() -> None:
    what = "What should they take along then?"
    accepted, refused = _filter(
        [*_rounds(0, "Why the tea?", what), Pair("Why the nap?", "It is late.", 1), Pair(what, "A pillow.", 1)]
    )
    assert (len(accepted), refused) == (4, [])
    assert _filter([*_rounds(0, "Why the tea?", what), Pair(what, "A pillow.", 0)])[1] == [("duplicate", 2)]


def test_two_conversations_cannot_open_with_the_same_question() -> None:
    why = "Why does it suit this room?"
    accepted, refused = _filter(
        [Pair(why, "There is a kettle.", 0), Pair(why, "The bed is soft.", 1), *_rounds(1, "Which bed?")]
    )
    assert accepted == [why]
    assert refused == [("duplicate", 1), ("earlier_round_refused", 2)]


def test_pairs_by_themselves_do_not_stand_on_one_another() -> None:
    pairs = [Pair("Is the dog there?", "Yes."), Pair("Where is it?", "At the door.")]
    result = filter_pairs(pairs, house_rules=[_NO_DOGS], prompt=_PROMPT, sentences="")
    assert result.accepted == (pairs[1],)


_TALKS = (
    Conversation("Tea", (Pair("Why tea?", "A kettle."), Pair("And then?", "Milk.")), "a kettle"),
    Conversation("Sleep", (Pair("Why sleep?", "A bed."),)),
)
_SHOWN = Prompt("You look at rooms.", (Turn("user", "a kettle, a bed"), Turn("assistant", _TALKS)))


@pytest.mark.parametrize("reply_format", ["text", "json"])
def test_examples_are_written_as_the_reply_is_asked_for(reply_format: ReplyFormat) -> None:
    system, _, example, _ = messages_of(_SHOWN, "a lamp", reply_format, _GRAMMAR)
    assert ("`Conversation 1:`" if reply_format == "text" else '{"conversations": [{"title"') in system["content"]
    assert parse_conversations(example["content"]).conversations == _TALKS


@pytest.mark.parametrize("reply_format", ["text", "json"])
def test_an_example_kept_as_text_is_written_again(reply_format: ReplyFormat) -> None:
    kept = _GRAMMAR.render(_TALKS, "text" if reply_format == "json" else "json")
    prompt = Prompt("You look at rooms.", (Turn("user", "a kettle"), Turn("assistant", kept)))
    example = messages_of(prompt, "a lamp", reply_format, _GRAMMAR)[2]["content"]
    assert example == _GRAMMAR.render(_TALKS, reply_format)
    assert [pair.conversation for pair in read_content(kept)] == [0, 0, 1]


def test_examples_of_the_other_grammar_can_be_used_too() -> None:
    pairs = find_grammar("pairs")
    assert parse_conversations(_GRAMMAR.render(_TALKS[0].rounds, "text")).conversations[0].rounds == _TALKS[0].rounds
    assert [pair.instruction for pair in pairs.parse(pairs.render(_TALKS, "json")).pairs] == [
        "Why tea?",
        "And then?",
        "Why sleep?",
    ]


def test_a_json_request_bounds_conversations_and_rounds() -> None:
    sent = orjson.loads(build_prefix(_PROMPT, "tiny", {}, "json_schema", _GRAMMAR).body("x"))
    assert sent["response_format"]["json_schema"] == conversations_schema(2, 3)
    items = conversations_schema(2, 3)["schema"]["properties"]["conversations"]
    assert (items["minItems"], items["maxItems"]) == (2, 2)
    assert items["items"]["required"] == ["title", "reason", "rounds"]
    rounds = conversations_schema(0, 0)["schema"]["properties"]["conversations"]["items"]["properties"]["rounds"]
    assert (rounds["minItems"], rounds["maxItems"]) == (1, 32)


def test_a_grammar_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError):
        find_grammar("sonnets")
