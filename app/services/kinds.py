"""Kinds of datasets: finding them, their prompts, and how they look to a client."""

from typing import Any

from app.errors import Fault, InvalidRequestError, NotFoundError
from app.pipeline.values import Pair, Prompt, Turn
from datasets.prompts import PromptError, PromptText
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
    turns = []
    for turn in text["in_context"]:
        content = turn["content"]
        if isinstance(content, str):
            turns.append(Turn(turn["role"], content))
        else:
            turns.append(Turn(turn["role"], tuple(Pair(pair["Question"], pair["Answer"]) for pair in content)))
    return Prompt(text["system_message"], tuple(turns))


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
        "house_rules": [{"code": rule.code, "message": rule.message} for rule in kind.house_rules],
        "relation_rule": kind.relation_rule,
        "train_rule": kind.train_rule,
        "fewest_pairs": kind.fewest_pairs,
        "streams": kind.streams,
        "instruction_id_example": kind.instruction_id(1, "1", 0),
    }
