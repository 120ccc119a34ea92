"""Prompts: storing versions, and the prompt that a kind brings along."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.pipeline import values
from app.pipeline.formats import ReplyFormat
from app.services.kinds import load_kind_prompt
from app.store import prompts as store
from app.store.models import Prompt

PLAIN_PROMPT_NAME = "plain"
DEFAULT_REPLY_FORMAT: ReplyFormat = "json"


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """What a version holds; `in_context` has user and assistant turns that alternate."""

    name: str
    prompt: values.Prompt
    reply_format: ReplyFormat = DEFAULT_REPLY_FORMAT
    kind: str | None = None


async def ensure_kind_prompt(session: AsyncSession, kind: str | None) -> Prompt:
    """The kind's own prompt as a stored version named after the kind; `plain` for items without a kind.

    A new version is made only when the content is new. Raises InvalidRequestError for an unknown kind.
    """
    prompt = load_kind_prompt(kind)
    row, _ = await store_prompt(session, NewPrompt(kind or PLAIN_PROMPT_NAME, prompt, kind=kind))
    return row


async def store_prompt(session: AsyncSession, new: NewPrompt) -> tuple[Prompt, bool]:
    """The version of this name with this content, and whether it was made just now."""
    turns = [_turn_to_json(turn) for turn in new.prompt.in_context]
    sha256 = _hash_content(new.prompt.system_message, turns, new.reply_format)
    found = await store.find_version(session, new.name, sha256)
    if found is None:
        await store.lock_name(session, new.name)
        found = await store.find_version(session, new.name, sha256)
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
        created_at=utc_now(),
    )
    session.add(row)
    await session.flush()
    return row, True


def to_prompt(row: Prompt) -> values.Prompt:
    """The stored row as the pipeline speaks of it."""
    return values.Prompt(row.system_message, tuple(_turn_from_json(turn) for turn in row.in_context))


def _turn_to_json(turn: values.Turn) -> dict[str, Any]:
    if isinstance(turn.content, str):
        return {"role": turn.role, "content": turn.content}
    pairs = [{"instruction": pair.instruction, "response": pair.response} for pair in turn.content]
    return {"role": turn.role, "content": pairs}


def _turn_from_json(turn: dict[str, Any]) -> values.Turn:
    content = turn["content"]
    if isinstance(content, str):
        return values.Turn(turn["role"], content)
    return values.Turn(turn["role"], tuple(values.Pair(pair["instruction"], pair["response"]) for pair in content))


def _hash_content(system_message: str, turns: list[dict[str, Any]], reply_format: str) -> str:
    content = {"system_message": system_message, "in_context": turns, "reply_format": reply_format}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
