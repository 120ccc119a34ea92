"""Repairs: small faults of form that have one right form. Each can be undone; what it is unsure of it leaves alone."""

import html
import re
from collections.abc import Callable
from dataclasses import replace

from app.pipeline.filtering.rules import Gate, ReplyText, Rule, Severity, find_mended
from app.pipeline.filtering.shapes import is_choice
from app.pipeline.values import Pair, Prompt

_HAS_WORD = re.compile(r"[^\W_]")

# "the user (you) picks up" -> "you pick up"
_YOU = re.compile(
    r"\b(?P<who>(?:the|this) (?:camera[ -]?wearer|camera[ -]?person|person(?: behind the camera)?|user|wearer|viewer"
    r"|man|woman|narrator)(?P<owner>['’]s)?) \((?P<you>you|your|yours|i)\)(?P<after>['’]s)?(?P<verb> [a-z'’]+\b)?",
    re.IGNORECASE,
)
_IRREGULAR = {"is": "are", "was": "were", "has": "have", "does": "do", "isn't": "aren't", "wasn't": "weren't"}
_IRREGULAR |= {"hasn't": "haven't", "doesn't": "don't", "goes": "go"}
_NOT_VERBS = frozenset(
    {
        "always", "sometimes", "perhaps", "across", "towards", "afterwards", "besides", "yes", "this", "his",
        "as", "plus", "versus",
    }
)  # fmt: skip
_HISSING_END = re.compile(r"(?:ch|sh|ss|x|z)es$")
_BEFORE_SUBJECT = re.compile(
    r"(?:\A|[.!?,;:]|\b(?:and|while|as|when|that|where|because|before|after|if|what|how|why|then|which|until|so|but|since))"
    r"\s*\Z",
    re.IGNORECASE,
)

_NUMBERED = r"\s*(?:#?\d{1,3})?\s*"
_TEXT_FOLLOWS = r"(?:\*\*|__)?\s*(?=\S)"
_WORD_END = rf"(?:[:：]|(?<=\d)[.)]|\ [-–—]\ ){_TEXT_FOLLOWS}"
_LETTER_END = rf"(?:\d{{0,2}}\s?[:：]|\d[.)]){_TEXT_FOLLOWS}"
_QUESTION_LABEL = re.compile(
    rf"\A\s*(?:\*\*|__)?(?:(?:question|instruction|user|human){_NUMBERED}{_WORD_END}|Q{_LETTER_END})",
    re.IGNORECASE,
)
_ANSWER_LABEL = re.compile(
    rf"\A\s*(?:\*\*|__)?(?:(?:answer|response|assistant){_NUMBERED}{_WORD_END}|A{_LETTER_END})", re.IGNORECASE
)
_LABEL_WORDS = frozenset(
    (
        *("question", "instruction", "user", "human", "answer", "response", "assistant"),
        *(f"{letter}{number}" for letter in "qa" for number in range(10)),
    )
)
_BOLD = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)([^*_\n]{1,300}?)(?<=\S)\1(?![\w*]|\.\w)")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,200})`(?!`)")
_HEADING = re.compile(r"(?m)^#{1,6} +(?=\S)")
_BREAK = re.compile(r"[ \t]*<br ?/?>[ \t]*", re.IGNORECASE)
_STYLE_TAG = re.compile(r"</?(?:b|i|u|em|strong|p|span)>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:nbsp|amp|lt|gt|quot|apos|#39|#34|#160);")

_ZERO_WIDTH = re.compile(r"[\u200b\u2060\ufeff]")
_WIDE_SPACE = re.compile(r"(?<=\S)[ \t\u00a0]{2,}(?=\S)|(?<=\S)[\t\u00a0](?=\S)")
_LINE_END = re.compile(r"[ \t\u00a0]+(?=\n)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_SPACE_BEFORE = re.compile(r"(?<=[\w\"'”’)]) +(?=[,.;?!](?:\s|\Z))")

_LONE_MARKS = frozenset(",.;?!")

_LATEX_QUOTES = re.compile(r"``([^`'\n]{1,300})''")
_DOUBLED_SINGLE = re.compile(r"(?<![\w'])''([^'\n]{1,300})''(?![\w'])")
_BACKTICK_QUOTES = re.compile(r"(?<![\w`])`([^`'\n]{1,200})'(?!\w)")
_ESCAPED = re.compile(r"\\([\"'])")
_WRAPPED = re.compile(r"\A\s*(?:\"([^\"“”]+)\"|“([^\"“”]+)”)\s*\Z")


def _mend_texts(
    mend: Callable[[str], str], *, instruction: bool = True, response: bool = True
) -> Callable[[Pair], Pair]:
    """A mend of either text by itself; one that would leave no word is not done."""

    def mend_pair(pair: Pair) -> Pair:
        asked = _keep_words(mend, pair.instruction) if instruction else pair.instruction
        said = _keep_words(mend, pair.response) if response else pair.response
        if asked == pair.instruction and said == pair.response:
            return pair
        return replace(pair, instruction=asked, response=said)

    return mend_pair


def _keep_words(mend: Callable[[str], str], text: str) -> str:
    mended = mend(text)
    return mended if mended == text or _HAS_WORD.search(mended) else text


def _say_you(text: str) -> str:
    return _YOU.sub(_put_you, text)


def _put_you(match: re.Match[str]) -> str:
    said = match["you"].lower()
    owns = bool(match["owner"] or match["after"]) or said in {"your", "yours"}
    word = "your" if owns else ("I" if said == "i" else "you")
    if match["who"][0].isupper():
        word = word[0].upper() + word[1:]
    verb = match["verb"] or ""
    if owns or not verb:
        return word + verb
    is_subject = _BEFORE_SUBJECT.search(match.string[: match.start()]) is not None
    return f"{word} {_conjugate(verb.strip(), is_subject=is_subject)}"


def _conjugate(verb: str, *, is_subject: bool) -> str:
    """The form that goes with "you", of a verb in the third person; other words as they are.

    is_subject: whether a verb is to be expected; after an object ("gives the user (you) books") it may be a noun
    """
    plain = verb.replace("’", "'")
    if plain in _IRREGULAR:
        return _IRREGULAR[plain]
    if not is_subject or verb in _NOT_VERBS or not verb.endswith("s") or verb.endswith(("ss", "us")):
        return verb
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    return verb[:-2] if _HISSING_END.search(verb) else verb[:-1]


def _drop_label(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: pattern.sub("", text, count=1)


def _mend_labels(pair: Pair) -> Pair:
    asked = _mend_texts(_drop_label(_QUESTION_LABEL), response=False)(pair)
    if is_choice(asked):
        return asked
    return _mend_texts(_drop_label(_ANSWER_LABEL), instruction=False)(asked)


def _drop_markup(text: str) -> str:
    text = _BREAK.sub("\n", text)
    text = _STYLE_TAG.sub("", text)
    text = _BOLD.sub(r"\2", text)
    text = _CODE.sub(r"\1", text)
    text = _HEADING.sub("", text)
    return _ENTITY.sub(lambda match: html.unescape(match[0]).replace("\u00a0", " "), text)


def _mend_spaces(text: str) -> str:
    mended = _LINE_END.sub("", _ZERO_WIDTH.sub("", text))
    mended = _EMPTY_LINES.sub("\n\n", _SPACE_BEFORE.sub("", _WIDE_SPACE.sub(" ", mended)))
    return text if mended == text else mended.strip()


def _mend_marks(text: str) -> str:
    text = _ESCAPED.sub(r"\1", text)
    text = _LATEX_QUOTES.sub(r'"\1"', text)
    text = _DOUBLED_SINGLE.sub(r'"\1"', text)
    return _BACKTICK_QUOTES.sub(r"'\1'", text)


def _unwrap(text: str) -> str:
    match = _WRAPPED.match(text)
    return (match[1] or match[2]).strip() if match else text


_mend_all_marks = _mend_texts(_mend_marks)
_unwrap_both = _mend_texts(_unwrap)


def _mend_quotes(pair: Pair) -> Pair:
    """Marks around a whole response stay where the instruction has none: it may quote what a sign says."""
    mended = _mend_all_marks(pair)
    return _unwrap_both(mended) if _WRAPPED.match(mended.instruction) else mended


def _may_hold_label(reply: ReplyText, _: Prompt) -> bool:
    return ":" in reply.joined or "：" in reply.joined or not _LABEL_WORDS.isdisjoint(reply.words)


def _may_hold_spaces(reply: ReplyText, _: Prompt) -> bool:
    """Pieces between white space are as many as single spaces and newlines allow, and none is a mark by itself."""
    flat = reply.joined.replace("\n", " ")
    if len(reply.pieces) - 1 != flat.count(" ") or not flat.isprintable():
        return True
    return not _LONE_MARKS.isdisjoint(reply.pieces)


def _repair(
    code: str,
    description: str,
    mend: Callable[[Pair], Pair],
    *literals: str,
    gate: Gate | None = None,
    version: int = 1,
) -> Rule:
    found = find_mended(mend)
    return Rule(
        code, "repairs", description, found, Severity.REPAIR, literals=literals, gate=gate, mend=mend, version=version
    )


REPAIRS: tuple[Rule, ...] = (
    _repair(
        "says_you",
        '"the user (you) picks up" becomes "you pick up".',
        _mend_texts(_say_you),
        "(",
    ),
    _repair(
        "leftover_label",
        'A label at the beginning goes: "Question 2: What …" becomes "What …".',
        _mend_labels,
        gate=_may_hold_label,
        version=2,
    ),
    _repair(
        "leftover_markup",
        "Bold marks, code marks, headings, line breaks and entities of HTML go; their text stays.",
        _mend_texts(_drop_markup),
        "*", "_", "`", "#", "<", "&",
    ),
    _repair(
        "quotes",
        "Quotation marks that were escaped, doubled or made of accents become plain ones; those around the whole "
        "instruction go, and with them those around its whole response.",
        _mend_quotes,
        "\\", "''", "`", '\n"', "“",
    ),
    _repair(
        "white_space",
        "Doubled spaces, spaces before a comma or full stop, invisible characters and empty lines go.",
        _mend_texts(_mend_spaces),
        gate=_may_hold_spaces,
    ),
)  # fmt: skip
"""In the order in which they are done."""
