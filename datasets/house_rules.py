"""House rules: what a kind forbids in its pairs, as pure functions of instruction and response.

They read English text. Each rule stands in the kind's prompt as well; here it is enforced.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Gate = Callable[[str], bool]
"""A cheap look at a text: False only where the pattern behind it cannot occur."""

_ASCII_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}


@dataclass(frozen=True, slots=True)
class HouseRule:
    """`violates(instruction, response)` is true for a pair to refuse with reason `code`.

    pattern: what it looks for, where it looks for a pattern at all; for reading, as `violates` has it already.
    round_number: the round of a conversation, from 0, that it is about; None for every pair.
    """

    code: str
    message: str
    violates: Callable[[str, str], bool]
    pattern: re.Pattern[str] | None = None
    round_number: int | None = None


def forbid(
    code: str,
    message: str,
    pattern: str,
    *,
    flags: re.RegexFlag = re.IGNORECASE,
    gate: Gate | None = None,
) -> HouseRule:
    """A rule that refuses a pair in which the pattern occurs, in instruction or response.

    gate: looks at both texts together first (`find_any_text`, `find_any_word`); almost every pair is good, and a
    pattern costs twenty times what a gate does.
    """
    compiled = re.compile(pattern, flags)

    def violates(instruction: str, response: str) -> bool:
        if gate is not None and not gate(f"{instruction}\n{response}"):
            return False
        return compiled.search(instruction) is not None or compiled.search(response) is not None

    return HouseRule(code, message, violates, compiled)


def forbid_in_response(code: str, message: str, pattern: str, *, gate: Gate) -> HouseRule:
    """A rule that refuses a pair in whose response the pattern occurs; `gate` looks at the response first."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def violates(instruction: str, response: str) -> bool:
        return gate(response) and compiled.search(response) is not None

    return HouseRule(code, message, violates, compiled)


def forbid_in_instruction(code: str, message: str, pattern: str, *, unless: str | None = None) -> HouseRule:
    """A rule that refuses a pair in whose instruction the pattern occurs, and the pattern `unless` does not."""
    compiled = re.compile(pattern, re.IGNORECASE)
    excuse = re.compile(unless or r"(?!)", re.IGNORECASE)

    def violates(instruction: str, response: str) -> bool:
        return compiled.search(instruction) is not None and excuse.search(instruction) is None

    return HouseRule(code, message, violates, compiled)


def require_in_instruction(code: str, message: str, pattern: str, *, round_number: int | None = None) -> HouseRule:
    """A rule that refuses a pair (of this round of a conversation) whose instruction does not match the pattern."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def violates(instruction: str, response: str) -> bool:
        return compiled.search(instruction) is None

    return HouseRule(code, message, violates, compiled, round_number)


def require_in_response(code: str, message: str, pattern: str) -> HouseRule:
    """A rule that refuses a pair whose response does not match the pattern."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def violates(instruction: str, response: str) -> bool:
        return compiled.search(response) is None

    return HouseRule(code, message, violates, compiled)


def find_any_text(*texts: str) -> Gate:
    """A gate for patterns that ignore case: every match holds one of these texts, in lower case."""

    def gate(text: str) -> bool:
        folded = text.casefold()
        if not folded.isascii():  # patterns that ignore case take the Turkish i, with or without its dot, for an i
            folded = folded.replace("ı", "i").replace("i\u0307", "i")
        return any(map(folded.__contains__, texts))

    return gate


def find_any_word(words: Iterable[str]) -> Gate:
    """A gate for patterns that mind case: every match holds one of these words (letters and digits) as a whole word.

    Texts beyond ASCII always pass.
    """
    wanted = frozenset(words)

    def gate(text: str) -> bool:
        return not text.isascii() or not wanted.isdisjoint(text.translate(_ASCII_SPACES).split())

    return gate


_DETERMINERS = (
    r"(?:the|these|those|this|that|your|given|provided|above|following|supplied|each|both|all|any|image|video)"
)
_SOURCES = (
    r"(?:descriptions?|captions?|annotations?|transcripts?|subtitles?|narrations?|input text"
    r"|text (?:provided|given|above))"
)
_GIVEN_TEXTS = r"(?:provided|given|above) (?:text|sentences?|information|details|context)"
_SHOWN = (
    r"(?! (?:(?:is|are|was|were|that|which|then|also|slowly) )?(?:appear|fade|scroll|roll|flash|pop|come|shown"
    r"|displayed|visible|seen|on|over|at|across|under|below|beneath|above|beside|next|printed|painted)"
    r"(?:s|es|ed|ing)?\b)"
)  # captions that stand in the picture, or on the screen of a video

MENTIONS_ANNOTATION = forbid(
    "mentions_annotation",
    "The pair speaks of descriptions or captions; it must speak of what can be seen.",
    rf"\b{_DETERMINERS}\s+(?!(?:closing|opening|ending|end|final) )(?:(?!(?:with|of|by|to|a|an)\b)[\w-]+\s+){{0,2}}?"
    rf"{_SOURCES}\b{_SHOWN}"
    rf"|\b{_DETERMINERS}\s+{_GIVEN_TEXTS}\b"
    r"|\b(?:the|these|those|your)\s+(?:sentences|information|details) (?:provided|given)\b(?! (?:on|to|in|at|by)\b)"
    rf"|\b(?:based on|according to|from|mentioned in|described in|stated in|as per)\s+(?:[\w-]+\s+)?"
    rf"(?:{_SOURCES}|{_GIVEN_TEXTS})\b{_SHOWN}"
    r"|\bas (?:described|stated|mentioned|captioned|annotated)\b(?! (?:on|under|below|beside|at|by (?!the)|in (?!the)))"
    r"|\b(?:is|are|was|were) (?:not )?(?:described|mentioned|stated|captioned|annotated) in (?:the|any|this) "
    rf"(?:[\w-]+ )?(?:images?|pictures?|photos?|scenes?|videos?|clips?|frames?|text|context|{_SOURCES})\b"
    rf"|\b(?:is|are|was|were) (?:not )?(?:described|mentioned|stated) by (?:the|any|this) {_SOURCES}\b",
    gate=find_any_text(
        "descri", "caption", "annotat", "transcript", "subtitle", "narration", "text", "mentioned", "stated",
        "sentence", "information", "provided", "given", "above",
    ),
)  # fmt: skip

MENTIONS_BOXES = forbid(
    "mentions_boxes",
    "The pair speaks of boxes or coordinates; it must speak of places as a viewer sees them.",
    r"\bbounding[ -]box(?:es)?\b|\[\s*\d+(?:\.\d+)?\s*,\s*\d+(?:\.\d+)?\s*(?:,|\])"
    r"|\b(?:the|these|those|its|their|of|at|by|with|using|following|exact|pixel|box|x|y|image|normali[sz]ed"
    r"|relative|given|provided|approximate|are|same)[ -]coordinates?\b(?! (?:with|well|their|his|her|its|the)\b)"
    r"|\bcoordinates (?:of|are|for|indicate|show|suggest)\b|\bcoordinates?:? ?[(\[\d]",
    gate=find_any_text("bounding", "coordinate", "["),
)

MENTIONS_TIMESTAMPS = forbid(
    "mentions_timestamps",
    "The pair quotes timestamps; it must speak of the order of events.",
    r"\btime[ -]?stamps?\b|\[\s*\d+(?:\.\d+)?\s*,\s*\d+(?:\.\d+)?\s*\]",
    gate=find_any_text("stamp", "["),
)

ASKS_FOR_DIFFERENCES = require_in_instruction(
    "not_about_differences",
    "The instruction does not ask for differences between the two images.",
    r"\b(?:differ\w*|distinct\w*|distinguish\w*|contrast\w*|chang\w*|compar\w*|unlike|unique\w*|vary|varies|variations?"
    r"|dissimilar\w*|whereas|instead|than|more|fewer|less|most|\w{3,}er in|as opposed|missing"
    r"|between|versus|vs|each|other|another|only|first|second|both|two|switch\w*"
    r"|(?:which|what) (?:image|picture|photo|scene)|(?:image|picture|photo|scene) (?:a|b|one|two|1|2))\b",
)

_TELLS_APART = (
    r"(?:differ\w*|whil(?:e|st)|whereas|but|however|unlike|only (?:one|the|image|in)|contrast\w*|distinct\w*)"
)

MENTIONS_SIMILARITIES = forbid(
    "not_about_differences",
    "The pair is about what the images share; only differences are asked for.",
    r"\b(?:in common|similarit(?:y|ies)|what (?:do|are|is) (?:[\w-]+\s+){0,5}(?:alike|similar|shared?|the same))\b"
    rf"(?![^?]*\b{_TELLS_APART}\b[^?]*\Z)",  # what is alike may be noted where the answer goes on to what is not
    gate=find_any_text("in common", "similar", "alike", "share", "the same"),
)

# The main characters of the six series, and words that are a name only inside a sentence or with an apostrophe.
_NAMES = (
    "Sheldon|Leonard|Howard|Raj|Rajesh|Bernadette|Wolowitz|Hofstadter|Koothrappali|Monica|Chandler|Phoebe|Rachel|Ross"
    "|Joey|Gunther|Janice|Barney|Marshall|Ted|Mosby|Stinson|Zoey|Beckett|Esposito|Lanie|Alexis|Kate Beckett"
    "|Richard Castle|Gregory House|Wilson|Cuddy|Taub|Kutner|Cameron|Adams|Meredith|Cristina"
    "|Izzie|Derek|Bailey|Addison|Karev|O'Malley|Burke|Callie|Webber|Denny|Stuart|Leslie|Montgomery|Perlmutter|Bracken"
)
_NO_PLACE = (
    r"(?<!\bWhite )(?<!\bOpera )(?<!\bFull )(?<!\bPublic )(?<!\bCentral )(?<!\bHyde )(?<!\bNational )(?<!\bTheme )"
    r"(?<!\bBattery )(?<!\bProspect )(?<!\bTwilight )"
)  # before "House" and "Park"
_AMBIGUOUS_NAMES = (
    "House|Castle|Penny|Amy|Robin|Ryan|Chase|Grey|Gates|Alex|George|Martha|Amber|Park|Cole|Emily|Lily|Thirteen"
    "|Foreman|Masters"
)
_NAME_PARTS = re.findall(r"\w+", f"{_NAMES}|{_AMBIGUOUS_NAMES}")
_ACTS = "is|was|has|and|walks|sits|says|asks|looks"

NAMES_CHARACTERS = forbid(
    "names_character",
    'The pair names a character; it must say "the female character", "the man at the desk" and the like.',
    rf"\b(?:{_NAMES})\b|(?<=[a-z,;] ){_NO_PLACE}(?:Dr\.? |Detective )?(?:{_AMBIGUOUS_NAMES})\b(?! [A-Z])"
    rf"|\b(?:{_AMBIGUOUS_NAMES})'s\b|(?:^|[.?!] )(?:{_AMBIGUOUS_NAMES})(?= (?:{_ACTS})\b)",
    flags=re.NOFLAG,
    gate=find_any_word(_NAME_PARTS),
)
