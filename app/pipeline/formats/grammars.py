"""The grammars of replies: each says how a reply is to be written, renders examples in that form, and reads replies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app.pipeline.formats.conversations import (
    flatten_conversations,
    parse_conversations,
    refuse_round,
    render_conversations,
)
from app.pipeline.formats.pairs import parse_reply
from app.pipeline.formats.reading import ParsedReply
from app.pipeline.formats.rendering import ReplyFormat, render_pairs
from app.pipeline.formats.schemas import conversations_schema, pairs_schema
from app.pipeline.values import Content, Conversation, Pair, Rejection


class ReplyGrammar(Protocol):
    """What a kind asks of a reply."""

    @property
    def keeps_order(self) -> bool:
        """Whether a round stands on those before it, and cannot be used without them."""

    @property
    def counts_pairs(self) -> bool:
        """Whether a request may say how many pairs it wants; otherwise the grammar says it."""

    def asking_for(self, pairs: int) -> "ReplyGrammar":
        """The grammar of a reply with exactly so many pairs, where a request may say that."""

    def note(self, reply_format: ReplyFormat) -> str:
        """How to write the reply, for the system message."""

    def schema(self) -> dict[str, Any]:
        """The `json_schema` part of a response format."""

    def render(self, content: Content, reply_format: ReplyFormat) -> str:
        """A reply with this content, in the form that `parse` reads back."""

    def rewrite(self, text: str, reply_format: ReplyFormat) -> str | None:
        """A reply kept as text, in the form that is asked for; None where not all of it can be read."""

    def parse(self, text: str, *, truncated: bool = False) -> ParsedReply:
        """The pairs in a reply, and every other piece as a rejection; never raises."""


@dataclass(frozen=True, slots=True)
class PairsGrammar:
    """A list of questions, each with its answer; `pairs` of them, where 0 leaves the number to the model."""

    pairs: int = 0
    keeps_order: bool = False
    counts_pairs: bool = True

    def asking_for(self, pairs: int) -> ReplyGrammar:
        return replace(self, pairs=pairs)

    def note(self, reply_format: ReplyFormat) -> str:
        return _PAIRS_NOTES[reply_format]

    def schema(self) -> dict[str, Any]:
        return pairs_schema(self.pairs)

    def render(self, content: Content, reply_format: ReplyFormat) -> str:
        return render_pairs(pairs_of_content(content), reply_format)

    def rewrite(self, text: str, reply_format: ReplyFormat) -> str | None:
        parsed = self.parse(text)
        return render_pairs(parsed.pairs, reply_format) if parsed.pairs and not parsed.rejections else None

    def parse(self, text: str, *, truncated: bool = False) -> ParsedReply:
        return parse_reply(text, truncated=truncated)


@dataclass(frozen=True, slots=True)
class ConversationsGrammar:
    """Several conversations of several rounds; 0 leaves their number to the model."""

    conversations: int = 0
    rounds: int = 0
    keeps_order: bool = True
    counts_pairs: bool = False

    def asking_for(self, pairs: int) -> ReplyGrammar:
        return self

    def note(self, reply_format: ReplyFormat) -> str:
        return _CONVERSATIONS_NOTES[reply_format]

    def schema(self) -> dict[str, Any]:
        return conversations_schema(self.conversations, self.rounds)

    def render(self, content: Content, reply_format: ReplyFormat) -> str:
        return render_conversations(_conversations_of(content), reply_format)

    def rewrite(self, text: str, reply_format: ReplyFormat) -> str | None:
        parsed = parse_conversations(text)
        is_whole = not parsed.rejections and parsed.conversations and all(each.rounds for each in parsed.conversations)
        return render_conversations(parsed.conversations, reply_format) if is_whole else None

    def parse(self, text: str, *, truncated: bool = False) -> ParsedReply:
        """The rounds with the number of their conversation; what is beyond the numbers asked for is `surplus`."""
        parsed = parse_conversations(text, truncated=truncated)
        pairs: list[Pair] = []
        refused: list[Rejection] = list(parsed.rejections)
        place: dict[int, int] = {}
        for pair in flatten_conversations(parsed.conversations):
            number = place[pair.conversation] = place.get(pair.conversation, -1) + 1
            if self.conversations and pair.conversation >= self.conversations:
                refused.append(refuse_round(pair, "surplus", f"only {self.conversations} conversations are asked for"))
            elif self.rounds and number >= self.rounds:
                refused.append(refuse_round(pair, "surplus", f"only {self.rounds} rounds are asked for"))
            else:
                pairs.append(pair)
        return ParsedReply(tuple(pairs), tuple(refused))


PAIRS = PairsGrammar()


def find_grammar(name: str, conversations: int = 0, rounds: int = 0) -> ReplyGrammar:
    """The grammar `pairs` or `conversations`; raises KeyError for any other name."""
    grammars: dict[str, ReplyGrammar] = {
        "pairs": PAIRS,
        "conversations": ConversationsGrammar(conversations, rounds),
    }
    return grammars[name]


def pairs_of_content(content: Content) -> tuple[Pair, ...]:
    """The pairs of a reply's content, those of conversations with the number of theirs."""
    conversations = [each for each in content if isinstance(each, Conversation)]
    return flatten_conversations(conversations) or tuple(each for each in content if isinstance(each, Pair))


def read_content(content: str | Content) -> tuple[Pair, ...]:
    """The pairs that an in-context reply shows, whether it is kept as text or as content."""
    if isinstance(content, str):
        return flatten_conversations(parse_conversations(content).conversations)
    return pairs_of_content(content)


def _conversations_of(content: Content) -> tuple[Conversation, ...]:
    """Pairs by themselves are one conversation without a title."""
    conversations = tuple(each for each in content if isinstance(each, Conversation))
    return conversations or (Conversation("", pairs_of_content(content)),)


_PAIRS_NOTES: Mapping[ReplyFormat, str] = {
    "text": (
        "Write every pair as two labelled parts, the question after `Question:` and the answer after `Answer:`, with "
        "an empty line between pairs, and write nothing before, between or after them."
    ),
    "json": (
        'Reply with one JSON object and nothing else: {"pairs": [{"instruction": "…", "response": "…"}, …]}, where '
        "`instruction` is the question and `response` is its answer."
    ),
}
_CONVERSATIONS_NOTES: Mapping[ReplyFormat, str] = {
    "text": (
        "Open every conversation with a line `Conversation 1:` and its title (the next one has number 2, and so on) "
        "and a line `Reason:` with its reason. Below, write every round as two labelled parts, the question after "
        "`Question:` and the answer after `Answer:`, with an empty line between rounds, and write nothing else."
    ),
    "json": (
        'Reply with one JSON object and nothing else: {"conversations": [{"title": "…", "reason": "…", "rounds": '
        '[{"instruction": "…", "response": "…"}, …]}, …]}, where `instruction` is the question of a round and '
        "`response` is its answer."
    ),
}
