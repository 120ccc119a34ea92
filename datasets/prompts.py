"""Loads and checks prompts: `{"system_message": str, "in_context": [{"role", "content"}]}`."""

import json
from pathlib import Path
from typing import TypedDict, TypeGuard

PairText = dict[str, str]
"""A pair as a prompt file holds it: {"Question", "Answer"}."""


class ConversationText(TypedDict):
    """A conversation as a prompt file holds it; the reason may be empty."""

    title: str
    reason: str
    rounds: list[PairText]


TurnContent = str | list[PairText | ConversationText]


class TurnText(TypedDict):
    """A turn of an in-context example; an assistant's content may be a list of pairs, or of conversations."""

    role: str
    content: TurnContent


class PromptText(TypedDict):
    """A system message and in-context examples, as a prompt file holds them."""

    system_message: str
    in_context: list[TurnText]


class PromptError(Exception):
    """A prompt that cannot be used: `pointer` into the prompt, and a message that says how to mend it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or 'prompt'}: {message}")
        self.pointer = pointer
        self.message = message


_LIST_SHAPE = 'a list of {"Question", "Answer"}, or of {"title", "reason", "rounds"}'
_CONVERSATION = {"title": None, "reason": "", "rounds": None}
_SPELLINGS = {"question": "Question", "answer": "Answer", "instruction": "Question", "response": "Answer"}


def load_prompt_file(path: str | Path) -> PromptText:
    """The checked prompt of a file; raises PromptError."""
    return check_prompt(read_prompt_file(path))


def read_prompt_file(path: str | Path) -> object:
    """The JSON of a prompt file, unchecked; raises PromptError where it is none."""
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            value: object = json.load(file)
    except OSError as error:
        raise PromptError("", f"The prompt file {str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PromptError("", f"The prompt file {str(path)!r} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise PromptError("", f"The prompt file is no JSON: {error.msg} in line {error.lineno}.") from error
    return value


def check_prompt(value: object) -> PromptText:
    """The prompt in its plain shape, pairs as {"Question", "Answer"}; raises PromptError.

    Examples are user turns each answered by an assistant turn; an empty list of examples is fine.
    """
    if not isinstance(value, dict):
        raise PromptError("", 'A prompt is an object {"system_message": …, "in_context": […]}.')
    system_message = value.get("system_message")
    if not isinstance(system_message, str) or not system_message.strip():
        raise PromptError("/system_message", "The system message must be a text that is not empty.")
    turns = value.get("in_context", [])
    if not isinstance(turns, list):
        raise PromptError("/in_context", "The in-context examples must be an array of turns.")
    if "\\u0000" in json.dumps(value):
        raise PromptError("", "The prompt holds U+0000, which no table stores; remove it.")
    checked = [_check_turn(turn, f"/in_context/{index}") for index, turn in enumerate(turns)]
    _check_order(checked)
    return {"system_message": system_message, "in_context": checked}


def is_conversation(content: PairText | ConversationText) -> TypeGuard[ConversationText]:
    """Whether an entry of an assistant's content is a conversation; all entries of a checked turn are alike."""
    return "rounds" in content


def is_pair(content: PairText | ConversationText) -> TypeGuard[PairText]:
    """Whether it is a pair by itself."""
    return "rounds" not in content


def _check_turn(turn: object, pointer: str) -> TurnText:
    if not isinstance(turn, dict):
        raise PromptError(pointer, 'A turn is an object {"role": …, "content": …}.')
    role, content = turn.get("role"), turn.get("content")
    if role not in ("user", "assistant"):
        raise PromptError(f"{pointer}/role", 'The role must be "user" or "assistant".')
    if isinstance(content, str) and content.strip():
        return {"role": role, "content": content}
    if role == "user" or not isinstance(content, list) or not content:
        shape = "a text" if role == "user" else f"a text or {_LIST_SHAPE}"
        raise PromptError(f"{pointer}/content", f"The content of this turn must be {shape} that is not empty.")
    check = _check_conversation if isinstance(content[0], dict) and "rounds" in content[0] else _check_pair
    return {"role": role, "content": [check(each, f"{pointer}/content/{index}") for index, each in enumerate(content)]}


def _check_conversation(conversation: object, pointer: str) -> ConversationText:
    shape = 'A conversation is an object {"title": …, "reason": …, "rounds": [{"Question": …, "Answer": …}, …]}.'
    if not isinstance(conversation, dict) or not conversation.keys() <= {"title", "reason", "rounds"}:
        raise PromptError(pointer, shape)
    title, reason, rounds = (conversation.get(name, default) for name, default in _CONVERSATION.items())
    if not isinstance(title, str) or not title.strip():
        raise PromptError(f"{pointer}/title", "The conversation has no title; say in one line what it is about.")
    if not isinstance(reason, str):
        raise PromptError(f"{pointer}/reason", "The reason must be a text; leave it out where there is none.")
    if not isinstance(rounds, list) or not rounds:
        raise PromptError(f"{pointer}/rounds", "The rounds must be a list of pairs that is not empty.")
    pairs = [_check_pair(pair, f"{pointer}/rounds/{index}") for index, pair in enumerate(rounds)]
    return {"title": " ".join(title.split()), "reason": " ".join(reason.split()), "rounds": pairs}


def _check_pair(pair: object, pointer: str) -> PairText:
    if not isinstance(pair, dict):
        raise PromptError(pointer, 'A pair is an object {"Question": …, "Answer": …}.')
    found: dict[str, str] = {}
    for key, text in pair.items():
        name = _SPELLINGS.get(str(key).strip().lower())
        if name is None or not isinstance(text, str) or not text.strip():
            raise PromptError(f"{pointer}/{key}", 'A pair holds the texts "Question" and "Answer", nothing else.')
        found[name] = text
    for name in ("Question", "Answer"):
        if name not in found:
            raise PromptError(f"{pointer}/{name}", f'The pair has no "{name}"; add it.')
    return found


def _check_order(turns: list[TurnText]) -> None:
    for index, turn in enumerate(turns):
        wanted = "assistant" if index % 2 else "user"
        if turn["role"] != wanted:
            raise PromptError(
                f"/in_context/{index}/role",
                f"Turns alternate, the user's first: this one must be the {wanted}'s (an example lost a turn).",
            )
    if len(turns) % 2:
        raise PromptError(f"/in_context/{len(turns) - 1}", "The last example has no assistant turn; add it.")
