"""A request whose in-context examples are chosen for each annotation; every part of it is serialised once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.pipeline.formats import PAIRS, ReplyGrammar
from app.pipeline.prompting import (
    RequestTemplate,
    ResponseFormat,
    build_prefix,
    escape,
    frame_query,
    reply_format_of,
    show_turns,
)
from app.pipeline.selecting import Selector
from app.pipeline.values import Prompt

_OPENING = b',{"role":"user","content":'


@dataclass(frozen=True, slots=True)
class ExampleTemplate:
    """All of a request in pieces: what stands before the examples, each example, and what stands after the content."""

    head: bytes
    examples: tuple[bytes, ...]
    suffix: bytes
    selector: Selector

    def body(self, query: str, note: str = "") -> bytes:
        """The request as JSON bytes for one annotation and the lines that follow it."""
        return self.body_of(escape(frame_query(query, note)), query)

    def body_of(self, content: bytes, query: str) -> bytes:
        """The request for a user's content that is JSON already; the annotation in it decides about the examples."""
        shown = [self.examples[place] for place in self.selector.choose(query)]
        return b"".join((self.head, *shown, _OPENING, content, self.suffix))


def build_example_template(
    prompt: Prompt,
    model: str,
    parameters: Mapping[str, Any],
    response_format: ResponseFormat,
    selector: Selector,
    grammar: ReplyGrammar = PAIRS,
    *,
    counts_pairs: bool = False,
) -> ExampleTemplate:
    """`build_prefix` with the examples left open; with all of them chosen in order the bytes are the same."""
    frame: RequestTemplate = build_prefix(
        Prompt(prompt.system_message), model, parameters, response_format, grammar, counts_pairs=counts_pairs
    )
    if not frame.prefix.endswith(_OPENING):
        raise ValueError("the request does not end its messages with the user's content")
    turns = show_turns(prompt, reply_format_of(response_format), grammar, counts_pairs=counts_pairs)
    parts = [b"," + orjson.dumps(turn) for turn in turns]
    return ExampleTemplate(
        frame.prefix[: -len(_OPENING)],
        tuple(b"".join(pair) for pair in zip(parts[::2], parts[1::2], strict=False)),
        frame.suffix,
        selector,
    )
