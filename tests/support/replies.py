"""What the loopback endpoint says: pairs and translations that follow from a hash of the question alone."""

import re
from base64 import b64decode
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import Any

import msgspec
import orjson
from PIL import Image

from tests.support.phrases import ANSWERS, COLOURS, PLACES, QUESTIONS, SUITS, THINGS, TRANSLATED

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Message(msgspec.Struct):
    """One message of a request."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text of the message; parts other than text are left out."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class ChatRequest(msgspec.Struct):
    """The part of a request body that decides the reply."""

    messages: list[Message]
    model: str = ""
    response_format: dict[str, Any] | None = None

    @property
    def urls(self) -> list[str]:
        """The addresses of the pictures in the request, in order."""
        parts = [part for message in self.messages if isinstance(message.content, list) for part in message.content]
        return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]

    @property
    def layout(self) -> str:
        """What stands where in a content of several parts: texts as they are, pictures as their type and size."""
        content = self.messages[-1].content if self.messages else None
        if not isinstance(content, list):
            return ""
        return "\n".join(_describe_part(part) for part in content)

    @property
    def key(self) -> bytes:
        """A hash of the last user content: what is bought, whoever asks and however often."""
        text = next((message.text for message in reversed(self.messages) if message.role == "user"), "")
        return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _describe_part(part: dict[str, Any]) -> str:
    if part["type"] == "text":
        return str(part["text"])
    url = part["image_url"]["url"]
    if not url.startswith("data:"):
        return f"<{url}>"
    head, _, data = url.partition(";base64,")
    with Image.open(BytesIO(b64decode(data, validate=True))) as picture:
        return f"<{head.removeprefix('data:')} {picture.width}x{picture.height}>"


@dataclass(frozen=True, slots=True)
class Draw:
    """A stream of numbers out of a key, the same for the same key and seed."""

    digits: int

    @classmethod
    def of(cls, key: bytes, salt: str) -> "Draw":
        """The draw that belongs to a key and a purpose."""
        return cls(int.from_bytes(blake2b(key, digest_size=16, salt=salt.encode()[:16]).digest()))

    def pick(self, options: tuple[str, ...], shift: int) -> str:
        """One of the options; another shift gives an independent choice."""
        return options[(self.digits >> shift) % len(options)]

    @property
    def fraction(self) -> float:
        """A number in [0, 1)."""
        return (self.digits & 0xFFFFFFFF) / 0x100000000


def english_pairs(key: bytes, count: int) -> list[dict[str, str]]:
    """`count` pairs about invented things; the same key gives the same pairs, another key gives others."""
    draw = Draw.of(key, "pairs")
    pairs = []
    for ordinal in range(count):
        digits = Draw(draw.digits >> (11 * (ordinal % 8)))
        which = (draw.digits + ordinal) % len(QUESTIONS)
        slots = {
            "colour": digits.pick(COLOURS, 0),
            "thing": digits.pick(THINGS, 5),
            "place": digits.pick(PLACES, 9),
            "number": 100 + (digits.digits >> 3) % 12_400_000 * 8 + ordinal,
        }
        pairs.append(
            {"instruction": QUESTIONS[which].format(**slots), "response": ANSWERS[which].format(**slots)},
        )
    return pairs


def english_conversations(key: bytes, conversations: int, rounds: int) -> list[dict[str, Any]]:
    """So many conversations; the first round of each asks why something suits the place, as kinds may demand."""
    made = english_pairs(key, conversations * rounds)
    found = []
    for number in range(conversations):
        draw = Draw.of(key, f"talk {number}")
        slots = {
            "thing": draw.pick(THINGS, 0),
            "place": draw.pick(PLACES, 5),
            "number": 100 + draw.digits % 100_000 * 8 + number,
        }
        first = {"instruction": SUITS[0].format(**slots), "response": SUITS[1].format(**slots)}
        later = made[number * rounds + 1 : (number + 1) * rounds]
        title, reason = f"Looking after the {slots['thing']}", f"There is room near {slots['place']}."
        found.append({"title": title, "reason": reason, "rounds": [first, *later]})
    return found


def asked_conversations(request: ChatRequest) -> tuple[int, int] | None:
    """How many conversations of how many rounds a request wants; None where it wants pairs."""
    schema = ((request.response_format or {}).get("json_schema") or {}).get("schema") or {}
    asked = (schema.get("properties") or {}).get("conversations")
    if asked is not None:
        return asked["minItems"], asked["items"]["properties"]["rounds"]["minItems"]
    is_asked = any(message.role == "system" and "`Conversation 1:`" in message.text for message in request.messages)
    return (3, 3) if is_asked and not request.response_format else None


def asked_verdict(request: ChatRequest) -> bool:
    """Whether a request wants a reply judged."""
    schema = ((request.response_format or {}).get("json_schema") or {}).get("schema") or {}
    return "verdict" in (schema.get("properties") or {})


def give_verdict(key: bytes) -> str:
    """Four in five replies are accepted; the reason uses a word that no pair may use."""
    point = Draw.of(key, "verdict").fraction
    accepts = point < 0.8
    score = (5 if point < 0.4 else 4) if accepts else 2
    reason = "It follows from the description." if accepts else "It makes things up that the description lacks."
    return orjson.dumps({"verdict": "accept" if accepts else "reject", "score": score, "reason": reason}).decode()


def asked_scores(request: ChatRequest) -> bool:
    """Whether a request wants pairs scored."""
    return any(message.role == "system" and '{"scores": [' in message.text for message in request.messages)


def give_scores(text: str) -> str:
    """A score for each pair that stands on a line of its own, by a hash of that line."""
    shown = [orjson.loads(line) for line in text.split("\n") if line.startswith('{"id":"pair_')]
    scores = [{"id": each["id"], "score": Draw.of(orjson.dumps(each), "score").digits % 5} for each in shown]
    return orjson.dumps({"scores": scores}).decode()


def asked_languages(request: ChatRequest) -> list[str]:
    """The languages a request wants its user content in; none where it is no translation request."""
    format_ = request.response_format or {}
    schema = (format_.get("json_schema") or {}).get("schema") or {}
    return _language_keys(schema) or _listed_languages(request.messages[-1].text)


def _language_keys(schema: dict[str, Any]) -> list[str]:
    """The properties of a schema that are languages, at whatever depth they sit."""
    properties: dict[str, Any] = schema.get("properties") or {}
    keys = [name for name in properties if name in TRANSLATED]
    if keys:
        return keys
    for inner in properties.values():
        if isinstance(inner, dict) and (keys := _language_keys(inner)):
            return keys
    return []


def _listed_languages(text: str) -> list[str]:
    """The codes under "languages" in a user content that is JSON, be they a list or names by code."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    listed = content.get("languages") if isinstance(content, dict) else None
    return [code for code in listed if code in TRANSLATED] if isinstance(listed, list | dict) else []


def source_pair(text: str) -> tuple[str, str]:
    """The instruction and the response inside the user content of a translation request."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        head, _, tail = text.partition("\n")
        return head, tail
    return _find_text(content, "instruction"), _find_text(content, "response")


def _find_text(node: object, name: str) -> str:
    if isinstance(node, dict):
        if isinstance(node.get(name), str):
            return str(node[name])
        return next((text for inner in node.values() if (text := _find_text(inner, name))), "")
    return ""


def translations(key: bytes, languages: list[str], source: tuple[str, str]) -> dict[str, dict[str, str]]:
    """An instruction and a response in each language, with the numbers of the source kept in order."""
    draw = Draw.of(key, "languages")
    replies = {}
    for language in languages:
        phrases = TRANSLATED[language]
        thing = draw.pick(phrases.things, 7)
        which = draw.digits % len(phrases.questions)
        texts = (phrases.questions[which].format(thing=thing), phrases.answers[which].format(thing=thing))
        tails = [_tail(phrases.tail, text) for text in source]
        replies[language] = {"instruction": texts[0] + tails[0], "response": texts[1] + tails[1]}
    return replies


def _tail(pattern: str, source: str) -> str:
    numbers = _NUMBER.findall(source)
    return pattern.format(numbers=", ".join(numbers)) if numbers else ""


def spoil(replies: dict[str, dict[str, str]], key: bytes, source: tuple[str, str]) -> None:
    """Make one language wrong: left out, left in English, or left empty."""
    draw = Draw.of(key, "spoil")
    language = draw.pick(tuple(replies), 0)
    fault = draw.pick(("missing", "english", "empty"), 16)
    if fault == "missing":
        del replies[language]
    elif fault == "english":
        replies[language] = {"instruction": source[0], "response": source[1]}
    else:
        replies[language] = {"instruction": "", "response": ""}


def reply_text(request: ChatRequest, key: bytes, *, pairs: int, spoiled: float, says: str = "") -> str:
    """The text of a completion in the format the request asks for; `says` stands for invented pairs."""
    languages = asked_languages(request)
    if languages:
        source = source_pair(request.messages[-1].text)
        replies = translations(key, languages, source)
        if spoiled and Draw.of(key, "wrong").fraction < spoiled:
            spoil(replies, key, source)
        return orjson.dumps(replies).decode()
    if asked_verdict(request):
        return give_verdict(key)
    if says:
        return says
    if asked_scores(request):
        return give_scores(request.messages[-1].text)
    asked = asked_conversations(request)
    if asked is not None:
        return _write_conversations(english_conversations(key, *asked), in_json=bool(request.response_format))
    made = english_pairs(key, pairs)
    return orjson.dumps({"pairs": made}).decode() if request.response_format else _write_pairs(made)


def _write_conversations(made: list[dict[str, Any]], *, in_json: bool) -> str:
    if in_json:
        return orjson.dumps({"conversations": made}).decode()
    return "\n\n".join(
        f"Conversation {number}: {each['title']}\nReason: {each['reason']}\n\n{_write_pairs(each['rounds'])}"
        for number, each in enumerate(made, start=1)
    )


def _write_pairs(made: list[dict[str, str]]) -> str:
    return "\n\n".join(f"Question: {pair['instruction']}\nAnswer: {pair['response']}" for pair in made)
