"""The pool: a prompt's in-context examples, each an annotation and its reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from app.pipeline.formats import read_content
from app.pipeline.values import Conversation, Prompt, Turn

BYTES_PER_TOKEN = 4
_TOKENS_PER_EXAMPLE = 8  # two messages
_BYTES_PER_PAIR = 24  # what stands around the texts of a pair


@dataclass(frozen=True, slots=True)
class Example:
    """An example as the rules of choice see it.

    tokens: about what it costs, at four bytes a token, whatever format replies are asked for in
    pairs: how many its reply shows
    """

    query: str
    reply: str
    tokens: int
    pairs: int


def list_examples(prompt: Prompt) -> tuple[Example, ...]:
    """The examples of a prompt in its order; turns come in twos, as `check_prompt` made sure."""
    turns = prompt.in_context
    return tuple(_read_example(user, reply) for user, reply in zip(turns[::2], turns[1::2], strict=False))


def turns_of(prompt: Prompt, chosen: Sequence[int]) -> tuple[Turn, ...]:
    """The turns of these examples, in the order given."""
    return tuple(turn for place in chosen for turn in prompt.in_context[2 * place : 2 * place + 2])


def _read_example(user: Turn, reply: Turn) -> Example:
    query = user.content if isinstance(user.content, str) else ""
    pairs = read_content(reply.content)
    text = _join_reply(reply)
    size = len(query.encode()) + len(text.encode()) + _BYTES_PER_PAIR * len(pairs)
    return Example(query, text, ceil(size / BYTES_PER_TOKEN) + _TOKENS_PER_EXAMPLE, len(pairs))


def _join_reply(reply: Turn) -> str:
    if isinstance(reply.content, str):
        return reply.content
    heads = [text for each in reply.content if isinstance(each, Conversation) for text in (each.title, each.reason)]
    pairs = read_content(reply.content)
    return "\n".join([*heads, *(text for pair in pairs for text in (pair.instruction, pair.response))])
