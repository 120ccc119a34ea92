"""The rules a pair must pass to be kept; each has a name, and what it refuses keeps its reason and its text."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from app.pipeline.formats import ParsedReply
from app.pipeline.prompting import (
    MAX_INSTRUCTION_CHARACTERS,
    MAX_RESPONSE_CHARACTERS,
    frame_system_message,
    pairs_of,
)
from app.pipeline.values import Pair, Prompt, Rejection

FILTER_VERSION = "2"
"""Changes whenever a rule changes its mind about any pair, so that a rerun can tell old verdicts from new."""

_WINDOW = 30  # characters; an overlap of twice this is always found
_LONGEST_OVERLAP = 60
_LONGEST_EXCUSE = 80  # an example's pair at least this long is never written twice by chance
_REPEATED_QUESTION_WORDS = 4

_WORDLESS = re.compile(r"[\W_]+")
_CANARY = re.compile(r"\bsyx-[0-9a-f]{16}\b")
_FRAME_MARK = re.compile(r"<<<\s*(?:end of )?annotation\s*>>>|‹‹‹\s*end of annotation", re.IGNORECASE)

_MACHINE = (
    r"(?:(?:ai|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    r"(?!\s+(?:engineer|researcher|student|company|expert)))"
)
_REFUSAL = re.compile(
    rf"(?:^|[.!?]\s+|\n)as an? {_MACHINE}[^.!?\n]{{0,80}}?\b(?:i|my|me)\b"
    rf"|^(?:sorry, (?:but )?)?i(?:'m| am) (?:just |only )?an? {_MACHINE}"
    r"|^(?:i(?:'m| am) (?:very |so |truly |really )?sorry|sorry|my apologies|i apologi[sz]e|unfortunately)"
    r"[,.;:]?\s+(?:but\s+)?(?:i|as an ai)(?:\s+(?:am|'m))?(?:'m)?\s+"
    r"(?:can(?:no|')t|can not|could(?: no|n')t|unable|not able|do(?: no|n')t have|won't|will not)"
    r"|^i (?:cannot|can't|can not|won't|will not|am unable to|am not able to|'m unable to) "
    r"(?:help|assist|provide|fulfil|comply|generate|create|continue|answer|process|complete|engage|discuss)\b"
    r"|^i(?:'m| am) (?:unable|not able) to "
    r"(?:help|assist|provide|fulfil|comply|generate|create|continue|answer|process|complete|view|access|analy[sz]e)\b"
    r"|^i (?:cannot|can't|can not) (?:see|view|access|analy[sz]e|determine)\b[^.!?\n]{0,60}"
    r"\b(?:provided|given|without (?:seeing|access)|the actual) ?(?:image|picture|photo|video|description|information)?"
    r"|^i (?:do not|don't) have (?:access to|the ability to|enough information to|(?:any )?visual)"
    r"|^(?:很?抱歉|对不起)[，,]?\s*(?:但)?(?:作为|我(?:无法|不能))|^作为(?:一个|一名)?\s*(?:ai|人工智能)(?:语言模型|助手)?[，,]"
    r"|^lo siento, (?:pero )?(?:no puedo|como)|^es tut mir leid, (?:aber )?(?:ich kann|als)"
    r"|^je suis désolée?, (?:mais )?je ne peux",
    re.IGNORECASE,
)
_ERROR_TEXT = re.compile(
    r"^\W{0,3}(?:(?:error(?: code)?:? ?)?(?:[45]\d\d[ :-]+)?(?:rate limit (?:reached|exceeded)|rate_limit_exceeded|"
    r"too many requests|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|"
    r"insufficient_quota|you exceeded your current quota|upstream connect error|the server had an error|"
    r"the model is (?:currently )?overloaded|context_length_exceeded)"
    r"|error code: ?\d{3}|traceback \(most recent call last\)|openai\.\w*error|<!doctype html|<html\b|<head\b|<body\b"
    r"|\{\s*[\"']error[\"']\s*:)",
    re.IGNORECASE,
)
_SOURCE = (
    r"(?:captions?|descriptions?|annotations?|bounding box(?:es)?(?: coordinates)?|metadata|narrations?|subtitles?)"
)
_GIVEN = r"(?:(?:given|provided|supplied|above|following|image|video|scene|text|textual|accompanying) ){0,3}"
_VISIBLE = (
    r"(?! (?:on|under|below|beneath|above|printed|written|painted|beside|next|at the) )"  # it stands in the picture
)
_LEAKED_ANNOTATION = re.compile(
    rf"\b(?:according to|based (?:up)?on|judging by|as (?:described|mentioned|stated|noted|indicated|listed) (?:in|by)|"
    rf"(?:mentioned|described|stated|listed|specified|given|provided) (?:in|by)) (?:the|these|this|those|your) "
    rf"{_GIVEN}{_SOURCE}\b{_VISIBLE}"
    rf"|\b(?:the|these|this|those) {_GIVEN}{_SOURCE} (?:does not |do not |doesn't |don't |also |only )?"
    r"(?:says?|mentions?|states?|describes?|indicates?|notes?|provides?|lists?|tells?|suggests?|specif(?:y|ies)|implies|imply)\b"
    rf"|\b(?:what|which|how many) (?:do|does|did) the {_GIVEN}{_SOURCE} (?:say|mention|state|describe|indicate|list)\b"
    rf"|\bin the (?:given|provided|supplied|above) {_SOURCE}\b"
    rf"|\bfrom the (?:given|provided|supplied) {_SOURCE}\b",
    re.IGNORECASE,
)


class HouseRule(Protocol):
    """A rule of a dataset's kind; `datasets.house_rules.HouseRule` is one."""

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...

    @property
    def violates(self) -> Callable[[str, str], bool]: ...


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The pairs that are kept, in order, and every refusal, those of the parser first."""

    accepted: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]


@dataclass(slots=True)
class _Item:
    """What the rules look at beside the pair itself."""

    prompt: Prompt
    sentences: str
    seen: set[tuple[str, str]] = field(default_factory=set)
    questions: set[str] = field(default_factory=set)


def filter_pairs(
    pairs: Sequence[Pair],
    rejections: Iterable[Rejection] = (),
    *,
    house_rules: Sequence[HouseRule] = (),
    prompt: Prompt,
    sentences: str,
) -> FilterResult:
    """Keep the pairs of one item that break no rule.

    rejections: what the parser refused, passed through. sentences: the item's annotation. A rejection's ordinal is
    the pair's place in the reply; the first rule that a pair breaks is its reason.
    """
    item = _Item(prompt, sentences)
    accepted: list[Pair] = []
    refused = list(rejections)
    for ordinal, pair in enumerate(pairs):
        verdict = _find_broken_rule(pair, item, house_rules)
        if verdict is None:
            _remember(pair, item)
            accepted.append(pair)
        else:
            reason, detail = verdict
            text = f"{pair.instruction}\n{pair.response}"
            refused.append(Rejection(reason, detail, text, pair, ordinal))
    return FilterResult(tuple(accepted), tuple(refused))


def filter_reply(
    reply: ParsedReply, *, house_rules: Sequence[HouseRule] = (), prompt: Prompt, sentences: str
) -> FilterResult:
    """`filter_pairs` for what the parser returned."""
    return filter_pairs(reply.pairs, reply.rejections, house_rules=house_rules, prompt=prompt, sentences=sentences)


def _find_broken_rule(pair: Pair, item: _Item, house_rules: Sequence[HouseRule]) -> tuple[str, str] | None:
    for reason, find in RULES.items():
        detail = find(pair, item)
        if detail:
            return reason, detail
    for rule in house_rules:
        if rule.violates(pair.instruction, pair.response):
            return rule.code, rule.message
    return None


def _find_empty(pair: Pair, _: _Item) -> str:
    for side, text in (("instruction", pair.instruction), ("response", pair.response)):
        if not _WORDLESS.sub("", text):
            return f"the {side} holds no word"
    return ""


def _find_error_text(pair: Pair, _: _Item) -> str:
    match = _ERROR_TEXT.match(pair.instruction) or _ERROR_TEXT.match(pair.response)
    return f"the text of an error: {match[0][:60]!r}" if match else ""


def _find_refusal(pair: Pair, _: _Item) -> str:
    for side, text in (("instruction", pair.instruction), ("response", pair.response)):
        match = _REFUSAL.search(text.replace("’", "'")[:2000])
        if match:
            return f"the {side} refuses: {match[0].strip()[:80]!r}"
    return ""


def _find_leaked_prompt(pair: Pair, item: _Item) -> str:
    for text in (pair.instruction, pair.response):
        if _CANARY.search(text):
            return "the canary of the system message"
        if _FRAME_MARK.search(text):
            return "the marks around the annotation"
        passage = find_overlap(item.prompt, text)
        if passage and passage not in _fold(item.sentences) and not _is_in_examples(passage, item.prompt):
            return f"a passage of the system message: {passage[:80]!r}"
    return ""


def _find_copied_example(pair: Pair, item: _Item) -> str:
    key = _key_of(pair)
    if len(key[0]) + len(key[1]) >= _LONGEST_EXCUSE and key in _example_keys(item.prompt):
        return "a pair of the in-context examples, word by word"
    return ""


def _find_leaked_annotation(pair: Pair, _: _Item) -> str:
    match = _LEAKED_ANNOTATION.search(pair.instruction) or _LEAKED_ANNOTATION.search(pair.response)
    return f"it speaks of the annotation: {match[0]!r}" if match else ""


def _find_overlong(pair: Pair, _: _Item) -> str:
    if len(pair.instruction) > MAX_INSTRUCTION_CHARACTERS:
        return f"the instruction is longer than {MAX_INSTRUCTION_CHARACTERS} characters"
    if len(pair.response) > MAX_RESPONSE_CHARACTERS:
        return f"the response is longer than {MAX_RESPONSE_CHARACTERS} characters"
    return ""


def _find_echo(pair: Pair, _: _Item) -> str:
    question, answer = _key_of(pair)
    return "the response repeats the instruction" if question == answer else ""


def _find_duplicate(pair: Pair, item: _Item) -> str:
    key = _key_of(pair)
    if key in item.seen:
        return "the same pair stands before it"
    if key[0] in item.questions and len(key[0].split()) >= _REPEATED_QUESTION_WORDS:
        return "the same question stands before it"
    return ""


RULES: dict[str, Callable[[Pair, _Item], str]] = {
    "empty": _find_empty,
    "overlong": _find_overlong,
    "error_text": _find_error_text,
    "refusal": _find_refusal,
    "leaked_prompt": _find_leaked_prompt,
    "copied_example": _find_copied_example,
    "leaked_annotation": _find_leaked_annotation,
    "echo": _find_echo,
    "duplicate": _find_duplicate,
}
"""The baseline in order: a rejection's reason, and what finds it (a detail, or nothing)."""


def find_overlap(prompt: Prompt, text: str) -> str:
    """The first passage of at least 60 characters that a text shares with the system message, or nothing.

    Case and white space do not count. Blocks of 30 characters are looked up at every 30th place, then extended.
    """
    system, windows = _system_windows(prompt)
    folded = _fold(text)
    for start in range(0, len(folded) - _WINDOW + 1, _WINDOW):
        block = folded[start : start + _WINDOW]
        if block in windows:
            passage = _extend(system, folded, system.index(block), start)
            if len(passage) >= _LONGEST_OVERLAP:
                return passage
    return ""


def _extend(system: str, text: str, at: int, start: int) -> str:
    left = 0
    while at - left > 0 and start - left > 0 and system[at - left - 1] == text[start - left - 1]:
        left += 1
    right = 0
    while at + right < len(system) and start + right < len(text) and system[at + right] == text[start + right]:
        right += 1
    return text[start - left : start + right]


@lru_cache(maxsize=64)
def _system_windows(prompt: Prompt) -> tuple[str, frozenset[str]]:
    system = _fold(frame_system_message(prompt))
    return system, frozenset(system[start : start + _WINDOW] for start in range(len(system) - _WINDOW + 1))


@lru_cache(maxsize=64)
def _example_keys(prompt: Prompt) -> frozenset[tuple[str, str]]:
    return frozenset(_key_of(pair) for turn in prompt.in_context if turn.role == "assistant" for pair in pairs_of(turn))


def _is_in_examples(passage: str, prompt: Prompt) -> bool:
    pairs = (pair for turn in prompt.in_context if turn.role == "assistant" for pair in pairs_of(turn))
    return any(passage in _fold(text) for pair in pairs for text in (pair.instruction, pair.response))


def _remember(pair: Pair, item: _Item) -> None:
    key = _key_of(pair)
    item.seen.add(key)
    item.questions.add(key[0])


def _key_of(pair: Pair) -> tuple[str, str]:
    """What makes two pairs the same: their words, whatever the case, spaces and punctuation."""
    return _bare_words(pair.instruction), _bare_words(pair.response)


def _bare_words(text: str) -> str:
    return _WORDLESS.sub(" ", text.casefold()).strip()


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
