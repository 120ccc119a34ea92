"""The words of the domain as frozen values; everything inside speaks these, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """What happens to a shard, in this order; filtering is part of recording an answer."""

    GENERATE = "generate"
    RELATE = "relate"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class QueryInput:
    """One annotation as the model sees it."""

    id: str
    sentences: str
    image_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction and its response, in one language; `conversation` counts those of a reply from 0."""

    instruction: str
    response: str
    conversation: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """Rounds in their order; what they are about in one line and, where it is told, the reason for it."""

    title: str
    rounds: tuple[Pair, ...]
    reason: str = ""


Content = tuple[Pair, ...] | tuple[Conversation, ...]
"""A reply's worth of pairs."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A text that was refused: why (a code), in which words, and the text itself."""

    reason: str
    detail: str = ""
    text: str = ""
    pair: Pair | None = None
    ordinal: int | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found about a pair that is kept: its code, in which words, and what it is based on (JSON)."""

    code: str
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that a rule made to a pair; it can be undone."""

    rule: str
    before: Pair
    after: Pair


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of an in-context example; an assistant's turn is a text, or pairs, or conversations."""

    role: str
    content: str | Content


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system message and in-context examples (user and assistant turns that alternate)."""

    system_message: str
    in_context: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the endpoint counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said, taken from the raw body of an answer."""

    text: str
    finish_reason: str
    usage: Usage
    model: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The raw body of an HTTP 200, before anyone looked into it."""

    raw: bytes
    status: int
    latency_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)
