"""Prompts: storing versions, and the prompt that a kind brings along."""

import hashlib
import re
from dataclasses import dataclass
from math import ceil
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import Fault, InvalidRequestError
from app.ids import encode_id
from app.pipeline import values
from app.pipeline.formats import ReplyFormat
from app.pipeline.prompting import messages_of
from app.pipeline.quotas import say_count
from app.pipeline.selecting import Selection, make_selector, pick_examples
from app.services.kinds import grammar_of, kind_of, load_kind_prompt, prompt_of_text
from app.store import prompts as store
from app.store.models import Prompt
from datasets.prompts import PromptError, check_prompt

PLAIN_PROMPT_NAME = "plain"
DEFAULT_REPLY_FORMAT: ReplyFormat = "json"
REPLY_FORMATS: dict[str, ReplyFormat] = {"json": "json", "text": "text"}
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """What a version holds; `in_context` has user and assistant turns that alternate.

    provenance: how the prompt came about, where more is known than that somebody sent it
    """

    name: str
    prompt: values.Prompt
    reply_format: ReplyFormat = DEFAULT_REPLY_FORMAT
    kind: str | None = None
    provenance: dict[str, Any] | None = None


async def ensure_kind_prompt(session: AsyncSession, kind: str | None) -> Prompt:
    """The kind's own prompt as a stored version named after the kind; `plain` for items without a kind.

    A new version is made only when the content is new. Raises InvalidRequestError for an unknown kind.
    """
    prompt = load_kind_prompt(kind)
    row, _ = await store_prompt(session, NewPrompt(kind or PLAIN_PROMPT_NAME, prompt, kind=kind))
    return row


async def store_prompt(session: AsyncSession, new: NewPrompt) -> tuple[Prompt, bool]:
    """The version of this name with this content, and whether it was made just now.

    With a provenance it is always a version of its own: the same words that came about in another way.
    """
    turns = [_turn_to_json(turn) for turn in new.prompt.in_context]
    sha256 = _hash_content(new.prompt.system_message, turns, new.reply_format)
    found = None if new.provenance else await store.find_version(session, new.name, sha256)
    if found is None:
        await store.lock_name(session, new.name)
        found = None if new.provenance else await store.find_version(session, new.name, sha256)
    if found is not None:
        return found, False
    row = Prompt(
        id=new_id(),
        name=new.name,
        version=await store.next_version(session, new.name),
        kind=new.kind,
        system_message=new.prompt.system_message,
        in_context=turns,
        reply_format=new.reply_format,
        sha256=sha256,
        provenance=new.provenance,
        created_at=utc_now(),
    )
    session.add(row)
    await session.flush()
    return row, True


def to_prompt(row: Prompt) -> values.Prompt:
    """The stored row as the pipeline speaks of it."""
    return values.Prompt(row.system_message, tuple(_turn_from_json(turn) for turn in row.in_context))


def show_content(content: values.Content) -> list[dict[str, Any]]:
    """The content of an assistant's turn as it is stored: pairs, or conversations."""
    return [_entry_to_json(each) for each in content]


def content_of(entries: list[dict[str, Any]]) -> values.Content:
    """What `show_content` stored."""
    if any("rounds" in each for each in entries):
        return tuple(
            values.Conversation(each["title"], _pairs_from_json(each["rounds"]), each["reason"]) for each in entries
        )
    return _pairs_from_json(entries)


def _turn_to_json(turn: values.Turn) -> dict[str, Any]:
    if isinstance(turn.content, str):
        return {"role": turn.role, "content": turn.content}
    return {"role": turn.role, "content": show_content(turn.content)}


def _entry_to_json(content: values.Pair | values.Conversation) -> dict[str, Any]:
    if isinstance(content, values.Pair):
        return {"instruction": content.instruction, "response": content.response}
    rounds = [_entry_to_json(pair) for pair in content.rounds]
    return {"title": content.title, "reason": content.reason, "rounds": rounds}


def _turn_from_json(turn: dict[str, Any]) -> values.Turn:
    content = turn["content"]
    return values.Turn(turn["role"], content if isinstance(content, str) else content_of(content))


def _pairs_from_json(pairs: list[dict[str, Any]]) -> tuple[values.Pair, ...]:
    return tuple(values.Pair(pair["instruction"], pair["response"]) for pair in pairs)


def _hash_content(system_message: str, turns: list[dict[str, Any]], reply_format: str) -> str:
    content = {"system_message": system_message, "in_context": turns, "reply_format": reply_format}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def describe_prompt(row: Prompt) -> dict[str, Any]:
    """The prompt as a client sees it."""
    return {
        "id": encode_id("prompt", row.id),
        "object": "prompt",
        "name": row.name,
        "version": row.version,
        "kind": row.kind,
        "system_message": row.system_message,
        "in_context": row.in_context,
        "reply_format": row.reply_format,
        "sha256": row.sha256,
        "provenance": row.provenance,
        "created_at": row.created_at,
    }


def check_new_prompt(name: str, prompt: dict[str, Any], reply_format: str, kind: str | None) -> NewPrompt:
    """A client's prompt, checked; raises InvalidRequestError with a pointer."""
    if not NAME_PATTERN.fullmatch(name):
        message = (
            "A name is 1 to 100 letters, digits, dots, underscores and hyphens, and begins with a letter or digit."
        )
        raise InvalidRequestError("The prompt has no usable name.", errors=[Fault("/name", "invalid_name", message)])
    if reply_format not in REPLY_FORMATS:
        fault = Fault("/reply_format", "unknown_format", f"{reply_format!r} is unknown; send json or text.")
        raise InvalidRequestError("The prompt is not valid.", errors=[fault])
    kind_name = kind_of(kind, "/kind").name if kind is not None else None
    try:
        checked = prompt_of_text(check_prompt(prompt))
    except PromptError as error:
        fault = Fault(error.pointer, "invalid_prompt", error.message)
        raise InvalidRequestError(f"The prompt is not valid: {error}", errors=[fault]) from error
    return NewPrompt(name, checked, REPLY_FORMATS[reply_format], kind_name)


def render_prompt(
    row: Prompt, query: str, kind: str | None, selection: Selection, pairs_per_item: int | None = None
) -> dict[str, Any]:
    """The exact messages for one annotation of a kind, the examples among them, and about how many tokens they have.

    A token is some four bytes.
    A job adds one line of its own to the system message: the mark by which a leaked prompt is known.
    """
    reply_format = REPLY_FORMATS[row.reply_format]
    grammar = grammar_of(kind_of(kind))
    prompt = to_prompt(row)
    chosen = make_selector(prompt, selection).choose(query)
    counts_pairs = pairs_per_item is not None and grammar.counts_pairs
    messages = messages_of(
        pick_examples(prompt, chosen),
        query,
        reply_format,
        grammar,
        note=say_count(pairs_per_item) if pairs_per_item is not None and counts_pairs else "",
        counts_pairs=counts_pairs,
    )
    size = sum(len(message["content"].encode()) for message in messages)
    return {
        "object": "prompt.rendering",
        "prompt_id": encode_id("prompt", row.id),
        "reply_format": reply_format,
        "examples": list(chosen),
        "messages": messages,
        "bytes": size,
        "estimated_tokens": ceil(size / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(messages),
    }
