"""The grammar of conversations: several of them, each with a title, a reason where it is told, and rounds in order.

`parse_conversations(render_conversations(x, f)).conversations == x` for texts in their normal form, in both formats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from app.pipeline.formats.conversation_json import JsonConversations, read_json
from app.pipeline.formats.conversation_text import MAX_CONVERSATIONS, ReadConversation, read_text
from app.pipeline.formats.headings import escape_headings, find_headings, normalise_line
from app.pipeline.formats.json_reply import has_json_before
from app.pipeline.formats.labelled import find_first_label
from app.pipeline.formats.normalise import normalise_text
from app.pipeline.formats.reading import MAX_PAIRS, assemble_pairs
from app.pipeline.formats.rendering import ReplyFormat, render_pairs
from app.pipeline.values import Conversation, Pair, Rejection

EARLIER_ROUND_REFUSED = ("earlier_round_refused", "an earlier round of this conversation was refused")
"""Why a round is refused that may be as good as any: it stands on one that is not there."""


@dataclass(frozen=True, slots=True)
class ParsedConversations:
    """What a reply held. A conversation none of whose rounds can be used keeps its place, without rounds."""

    conversations: tuple[Conversation, ...]
    rejections: tuple[Rejection, ...]


def render_conversations(conversations: Sequence[Conversation], reply_format: ReplyFormat) -> str:
    """The conversations as one reply; each has at least one round, and texts hold more than white space.

    text: `Conversation 1: title`, `Reason: …` where there is one, and the rounds as `render_pairs` writes them. json:
    `{"conversations": [{"title", "reason", "rounds": [{"instruction", "response"}]}]}`.
    """
    if reply_format == "json":
        return orjson.dumps({"conversations": [_to_json(each) for each in conversations]}).decode()
    return "\n\n".join(_to_text(number, each) for number, each in enumerate(conversations, start=1))


def parse_conversations(text: str, *, truncated: bool = False) -> ParsedConversations:
    """The conversations in a model's reply, in order, and every piece that is none as a Rejection.

    A conversation keeps its rounds up to the first that is refused; those after it have the reason
    `earlier_round_refused`. Other reasons and `truncated` as for `parse_reply`. Never raises; linear in the text.
    """
    text = normalise_text(text).removeprefix("\ufeff")
    if not text.strip():
        return ParsedConversations((), (Rejection("empty", "the reply is empty"),))
    if text[0] in "[{" or has_json_before(text, _find_first_mark(text)):
        reading = read_json(text, truncated=truncated)
        if reading is not None:
            return _conclude(list(_assemble(reading)), reading.around)
    in_text = _conclude(*read_text(text, truncated=truncated))
    has_rounds = any(each.rounds for each in in_text.conversations)
    if not has_rounds and not truncated and has_json_before(text, len(text)):
        reading = read_json(text, truncated=truncated)  # a label or a heading stood before the JSON of all
        if reading is not None and reading.found:
            return _conclude(list(_assemble(reading)), reading.around)
    return in_text


def flatten_conversations(conversations: Sequence[Conversation]) -> tuple[Pair, ...]:
    """The rounds of all conversations, each with the number of its own."""
    return tuple(
        replace(pair, conversation=number) for number, each in enumerate(conversations) for pair in each.rounds
    )


def refuse_round(pair: Pair, reason: str, detail: str) -> Rejection:
    """A whole round that is refused for its place."""
    return Rejection(reason, detail, f"{pair.instruction}\n{pair.response}", pair)


def _find_first_mark(text: str) -> int:
    """Where text begins that can only be a heading or a round."""
    label, headings = find_first_label(text), find_headings(text)
    marks = [heading.start for heading in headings[:1]] + ([] if label is None else [label[0]])
    return min(marks, default=len(text))


def _assemble(reading: JsonConversations) -> Iterator[ReadConversation]:
    found = reading.found
    if len(found) > MAX_CONVERSATIONS:
        reading.around.append(Rejection("unparseable", f"more than {MAX_CONVERSATIONS} conversations"))
    for each in found[:MAX_CONVERSATIONS]:
        yield ReadConversation(each.title, each.reason, assemble_pairs(each.pieces))


def _conclude(found: Sequence[ReadConversation], around: Sequence[Rejection]) -> ParsedConversations:
    conversations: list[Conversation] = []
    refused = list(around)
    room = MAX_PAIRS
    for each in found:
        kept = each.rounds.pairs[: min(each.rounds.unbroken, room)]
        surplus = each.rounds.pairs[room : each.rounds.unbroken]
        conversations.append(Conversation(each.title, kept, each.reason))
        refused += each.rounds.rejections
        refused += [refuse_round(pair, *EARLIER_ROUND_REFUSED) for pair in each.rounds.pairs[each.rounds.unbroken :]]
        refused += [refuse_round(pair, "unparseable", f"more than {MAX_PAIRS} pairs") for pair in surplus]
        room -= len(kept)
    return ParsedConversations(tuple(conversations), tuple(refused))


def _to_text(number: int, conversation: Conversation) -> str:
    title, reason = normalise_line(conversation.title), normalise_line(conversation.reason)
    rounds = [
        replace(
            pair,
            instruction=escape_headings(normalise_text(pair.instruction)),
            response=escape_headings(normalise_text(pair.response)),
        )
        for pair in conversation.rounds
    ]
    opening = f"Conversation {number}: {title}".rstrip() + (f"\nReason: {reason}" if reason else "")
    return f"{opening}\n\n{render_pairs(rounds, 'text')}"


def _to_json(conversation: Conversation) -> dict[str, object]:
    rounds = [
        {"instruction": normalise_text(pair.instruction), "response": normalise_text(pair.response)}
        for pair in conversation.rounds
    ]
    return {
        "title": normalise_line(conversation.title),
        "reason": normalise_line(conversation.reason),
        "rounds": rounds,
    }
