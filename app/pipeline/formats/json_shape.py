"""Where the pairs sit in a JSON value: in a list, under a key, as two keys, numbered keys, or rounds of speakers."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from app.pipeline.formats.labels import role_of_word
from app.pipeline.formats.reading import Role, Spoken
from app.pipeline.values import Rejection

Piece = Spoken | Rejection

_KEY_NOISE = re.compile(r"[\d_#:.()-]+")
_MORE_WORDS = {
    "prompt": Role.QUESTION,
    "input": Role.QUESTION,
    "completion": Role.ANSWER,
    "reply": Role.ANSWER,
    "model": Role.ANSWER,
    "bot": Role.ANSWER,
}
_LONGEST_KEY = 40  # of those whose role is remembered; a reply repeats its few keys with every pair
_ASKED_KEYS = {"instruction", "response"}  # by the schema; read at once, as almost every reply follows it
_SPEAKER_KEYS = ("role", "from", "speaker")
_SPEECH_KEYS = ("content", "value", "text")


def read_shape(value: Any) -> Iterator[Piece]:
    """Every question and answer in a parsed JSON value, in order; what holds neither is a rejection."""
    stack = [value]
    while stack:
        entry = stack.pop()
        if isinstance(entry, list):
            stack.extend(reversed(entry))
        elif not isinstance(entry, dict):
            yield Rejection("unparseable", "a JSON value that is no pair", write_json(entry))
        elif speech := _read_speech(entry):
            yield from speech
        elif halves := _read_halves(entry):
            yield from halves
        else:
            inner = [child for child in entry.values() if isinstance(child, dict | list)]
            if not inner and entry:
                yield Rejection("unparseable", "a JSON object that is no pair", write_json(entry))
            stack.extend(reversed(inner))


def is_round(value: Any) -> bool:
    """Whether a JSON value is an object with a question or an answer in it."""
    if not isinstance(value, dict):
        return False
    return any(isinstance(piece, Spoken) for piece in _read_speech(value) or _read_halves(value))


def write_json(value: Any) -> str:
    """A JSON value as text, for a rejection."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        return repr(value)


def _read_speech(entry: Mapping[Any, Any]) -> list[Piece]:
    """One round of a conversation: `{"role": "user", "content": …}`, `{"from": "human", "value": …}`."""
    if entry.keys().isdisjoint(_SPEAKER_KEYS):
        return []
    speaker = next((entry[key] for key in _SPEAKER_KEYS if key in entry), None)
    speech = next((entry[key] for key in _SPEECH_KEYS if key in entry), None)
    role = _role_of(speaker) if isinstance(speaker, str) else None
    return [] if role is None or speech is None else [_speak(role, speech)]


def _read_halves(entry: Mapping[Any, Any]) -> list[Piece]:
    """The questions and answers among an object's keys; the pair of one object may be written answer first."""
    if entry.keys() == _ASKED_KEYS and all(isinstance(value, str) for value in entry.values()):
        return [Spoken(Role.QUESTION, entry["instruction"]), Spoken(Role.ANSWER, entry["response"])]
    found = [(role, key, value) for key, value in entry.items() if (role := _role_of(key)) is not None]
    if all(isinstance(value, dict) for _, _, value in found):
        return []
    questions = [(key, value) for role, key, value in found if role is Role.QUESTION]
    answers = [value for role, _, value in found if role is Role.ANSWER]
    if len(answers) == 1 and questions:
        return [_speak_question(questions), _speak(Role.ANSWER, answers[0])]
    return [_speak(role, value) for role, _, value in found]


def _speak_question(questions: list[tuple[Any, Any]]) -> Piece:
    """Some models set the task under one key and what it is about under another: both are the instruction."""
    texts = [_text_of(value) for _, value in questions]
    if None in texts:
        return Rejection("unparseable", "a question that is no text", write_json(dict(questions)))
    return Spoken(Role.QUESTION, "\n".join(text for text in texts if text))


def _speak(role: Role, value: Any) -> Piece:
    text = _text_of(value)
    if text is None:
        return Rejection("unparseable", f"the {role.value} is no text", write_json(value))
    return Spoken(role, text)


def _text_of(value: Any) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return write_json(value)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return None


def _role_of(key: Any) -> Role | None:
    if not isinstance(key, str):
        return None
    return _role_of_short_key(key) if len(key) <= _LONGEST_KEY else _read_role(key)


def _read_role(key: str) -> Role | None:
    word = _KEY_NOISE.sub(" ", key).strip().casefold()
    return role_of_word(word) or _MORE_WORDS.get(word)


_role_of_short_key = lru_cache(maxsize=1024)(_read_role)
