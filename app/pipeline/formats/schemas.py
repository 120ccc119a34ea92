"""The JSON schemas that an endpoint is asked to hold a reply to: strict, and bounded in number and length."""

from typing import Any

MAX_PAIRS_PER_REPLY = 32
MAX_CONVERSATIONS_PER_REPLY = 8
MAX_INSTRUCTION_CHARACTERS = 2_000
MAX_RESPONSE_CHARACTERS = 8_000
MAX_TITLE_CHARACTERS = 200
MAX_REASON_CHARACTERS = 1_000


def pairs_schema(exactly: int = 0) -> dict[str, Any]:
    """The `json_schema` part of a response format for a list of pairs; 0 leaves their number to the model."""
    pairs = _array(pair_schema(), exactly, MAX_PAIRS_PER_REPLY)
    return _name("instruction_response_pairs", _object({"pairs": pairs}))


def conversations_schema(conversations: int, rounds: int) -> dict[str, Any]:
    """The same for conversations: exactly so many of exactly so many rounds; 0 leaves the number to the model."""
    conversation = {
        "title": _text(MAX_TITLE_CHARACTERS),
        "reason": {"type": "string", "maxLength": MAX_REASON_CHARACTERS},
        "rounds": _array(pair_schema(), rounds, MAX_PAIRS_PER_REPLY),
    }
    items = _array(_object(conversation), conversations, MAX_CONVERSATIONS_PER_REPLY)
    return _name("conversations", _object({"conversations": items}))


def pair_schema() -> dict[str, Any]:
    """The schema of one pair."""
    return _object({"instruction": _text(MAX_INSTRUCTION_CHARACTERS), "response": _text(MAX_RESPONSE_CHARACTERS)})


def _name(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "strict": True, "schema": schema}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any], exactly: int, at_most: int) -> dict[str, Any]:
    return {"type": "array", "minItems": exactly or 1, "maxItems": exactly or at_most, "items": items}


def _text(at_most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": at_most}
