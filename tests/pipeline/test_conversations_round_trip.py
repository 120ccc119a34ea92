"""Conversations come back as they were rendered, whatever their titles, reasons and rounds hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.formats import ReplyFormat, normalise_text, parse_conversations, render_conversations
from app.pipeline.formats.headings import normalise_line
from app.pipeline.values import Conversation, Pair

_FRAGMENTS = st.sampled_from(
    [
        "Conversation 1: tea", "Conversation 2", "conversation:", "**Conversation 3:** x", "### Conversation 4 - y",
        "\\Conversation 1: z", "\\\\Activity: a", "Activity 2.5 hours", "Activity: sleep", "Scenario 1", "Dialogue:",
        "1. Conversation 7: q", "Reason: because", "**Why:** so", "Why it suits the room: light", "Title: x", "Topic:",
        "# Heading", "**Bold line**", "1. **Bold entry**", "Question: what", "Answer: no", "Q1.", "User: hi",
        "Assistant:", "Round 2", "---", "```", "```json", "~~~", "\\", "{", "}", "[", '{"conversations": [', '"', "'",
        '{"title": "a", "rounds": [{"instruction": "b", "response": "c"}]}', ":", "：", "**", "*", "__", "-", "\n",
        "\n\n", "\n\n\n", " ", "\t", "\u3000", "\r\n", "\x0b", "\x85", "\u2028", "\ufeff", "Sure, here they are:",
        "word", "?", "\n\nLet me know if you need more!", "I hope it helps",
    ]
)  # fmt: skip
_MIXED = st.lists(_FRAGMENTS | st.text(max_size=6), max_size=9).map("".join) | st.text()
_TEXTS = _MIXED.map(normalise_text).filter(bool)
_LINES = _MIXED.map(normalise_line)
_ROUNDS = st.lists(st.builds(Pair, _TEXTS, _TEXTS), min_size=1, max_size=3).map(tuple)
_CONVERSATIONS = st.lists(st.builds(Conversation, _LINES, _ROUNDS, _LINES), min_size=1, max_size=3)
_FORMATS = st.sampled_from(["text", "json"])


@settings(max_examples=1500, deadline=None)
@given(_CONVERSATIONS, _FORMATS)
def test_rendered_conversations_are_read_back_unchanged(
    conversations: list[Conversation], reply_format: ReplyFormat
) -> None:
    parsed = parse_conversations(render_conversations(conversations, reply_format))
    assert parsed.conversations == tuple(conversations)
    assert parsed.rejections == ()


@settings(max_examples=400, deadline=None)
@given(_CONVERSATIONS, st.integers(min_value=1), _FORMATS)
def test_a_cut_reply_keeps_whole_rounds_in_their_places_and_refuses_the_torn_one(
    conversations: list[Conversation], cut: int, reply_format: ReplyFormat
) -> None:
    text = render_conversations(conversations, reply_format)
    parsed = parse_conversations(text[: cut % len(text)], truncated=True)
    assert len(parsed.conversations) <= len(conversations)
    for found, whole in zip(parsed.conversations, conversations, strict=False):
        assert found.rounds == whole.rounds[: len(found.rounds)]
    assert parsed.rejections or reply_format == "json"  # JSON may be cut between two rounds


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(codec=None), max_size=400) | st.lists(_FRAGMENTS, max_size=30).map("".join), st.booleans())
def test_no_text_makes_the_parser_fail_and_nothing_vanishes(text: str, truncated: bool) -> None:
    parsed = parse_conversations(text, truncated=truncated)
    assert any(each.rounds for each in parsed.conversations) or parsed.rejections
    for each in parsed.conversations:
        assert (each.title, each.reason) == (normalise_line(each.title), normalise_line(each.reason))
        for pair in each.rounds:
            assert pair == Pair(normalise_text(pair.instruction), normalise_text(pair.response))
            assert pair.instruction
            assert pair.response
