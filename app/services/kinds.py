"""Kinds of datasets: finding them, their prompts, and how they look to a client."""

from collections.abc import Sequence
from typing import Any

from app.errors import Fault, InvalidRequestError, NotFoundError
from app.pipeline.formats import ReplyGrammar, find_grammar
from app.pipeline.values import Content, Conversation, Pair, Prompt, Turn
from datasets.prompts import PairText, PromptError, PromptText, TurnContent, is_conversation, is_pair
from datasets.registry import KindInfo, KindNotFoundError, find_kind, list_broken_modules, list_kinds


def kind_of(kind: str | None, pointer: str = "kind") -> KindInfo:
    """The kind `module.Class`; None means plain items.

    Raises InvalidRequestError (`unknown_kind`) with the names most like it; `pointer` says where it was given.
    """
    try:
        return find_kind(kind)
    except KindNotFoundError as error:
        message = str(error) if error.suggestions else f"{error} GET /v1/kinds lists those that can be used."
        fault = Fault(pointer, "unknown_kind", message)
        raise InvalidRequestError(message, code="unknown_kind", errors=[fault]) from error


def grammar_of(kind: KindInfo) -> ReplyGrammar:
    """How replies about the kind are written and read; raises InvalidRequestError for a grammar that is not there."""
    try:
        return find_grammar(kind.reply_grammar, kind.conversations, kind.rounds)
    except KeyError as error:
        message = f"{kind.name} asks for replies in {kind.reply_grammar!r}; there are 'pairs' and 'conversations'."
        fault = Fault("kind", "unknown_grammar", message)
        raise InvalidRequestError(message, code="unknown_grammar", errors=[fault]) from error


def load_kind_prompt(kind: str | None) -> Prompt:
    """The prompt that a kind brings along; raises InvalidRequestError where it brings none that can be used."""
    info = kind_of(kind)
    try:
        return prompt_of_text(info.load_prompt())
    except PromptError as error:
        fault = Fault("/prompt_id", "no_kind_prompt", f"{error} Or name a prompt of yours as `prompt_id`.")
        raise InvalidRequestError(
            f"The kind {info.name} has no prompt that can be used; give a prompt_id.", errors=[fault]
        ) from error


def prompt_of_text(text: PromptText) -> Prompt:
    """A checked prompt file as the pipeline speaks of it."""
    turns = [Turn(turn["role"], _to_content(turn["content"])) for turn in text["in_context"]]
    return Prompt(text["system_message"], tuple(turns))


def _to_content(content: TurnContent) -> str | Content:
    if isinstance(content, str):
        return content
    conversations = [each for each in content if is_conversation(each)]
    if conversations:
        return tuple(Conversation(each["title"], _to_pairs(each["rounds"]), each["reason"]) for each in conversations)
    return _to_pairs([each for each in content if is_pair(each)])


def _to_pairs(pairs: Sequence[PairText]) -> tuple[Pair, ...]:
    return tuple(Pair(pair["Question"], pair["Answer"]) for pair in pairs)


def list_kind_bodies() -> list[dict[str, Any]]:
    """Every kind that can be used, by name, without its prompt."""
    return [describe_kind(kind) for kind in list_kinds()]


def list_broken_bodies() -> list[dict[str, str]]:
    """Files in `datasets/` that cannot be imported, and why."""
    return [
        {"object": "broken_module", "module": broken.name, "file": broken.path.name, "error": broken.error}
        for broken in list_broken_modules()
    ]


def get_kind_body(name: str) -> dict[str, Any]:
    """One kind with its prompt, or the reason why it has none; raises NotFoundError."""
    try:
        kind = find_kind(name)
    except KindNotFoundError as error:
        failure = NotFoundError("dataset kind", name)
        failure.detail = str(error)
        raise failure from error
    body = describe_kind(kind)
    try:
        body["prompt"], body["prompt_error"] = kind.load_prompt(), None
    except PromptError as error:
        body["prompt"], body["prompt_error"] = None, str(error)
    return body


def describe_kind(kind: KindInfo) -> dict[str, Any]:
    """The kind as a client sees it."""
    return {
        "id": kind.name,
        "object": "kind",
        "abbr": kind.abbr,
        "title": kind.title,
        "description": kind.doc,
        "file_format": kind.file_format,
        "image_id_pattern": kind.image_id_pattern,
        "picture_files": [{"file_name": name, "image_id": found} for name, found in kind.picture_files.items()],
        "doc_page": kind.doc_page,
        "house_rules": [{"code": rule.code, "message": rule.message} for rule in kind.house_rules],
        "relation_rule": kind.relation_rule,
        "train_rule": kind.train_rule,
        "fewest_pairs": kind.fewest_pairs,
        "reply_grammar": kind.reply_grammar,
        "conversations": kind.conversations,
        "rounds": kind.rounds,
        "most_pairs": kind.most_pairs,
        "streams": kind.streams,
        "instruction_id_example": kind.instruction_id(1, "1", 0),
    }
