"""The words that give a refused pair away: patterns, and the literals without which a pattern cannot match."""

import re

CANARY = re.compile(r"\bsyx-[0-9a-f]{16}\b")
FRAME_MARK = re.compile(r"<<<\s*(?:end of )?annotation\s*>>>|‹‹‹\s*end of annotation", re.IGNORECASE)

_MACHINE = (
    r"(?:(?:ai|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    r"(?!\s+(?:engineer|researcher|student|company|expert)))"
)
REFUSAL = re.compile(
    rf"(?:^|[.!?]\s+|\n)as an? (?:(?:[\w-]+-based|multimodal) )?{_MACHINE}[^.!?\n]{{0,80}}?\b(?:i|my|me)\b"
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
    r"|^(?:i(?:'m| am) (?:very |so |truly )?sorry,? (?:but )?|unfortunately,? |sorry,? (?:but )?)?"
    r"i(?: (?:cannot|can't|can not)|(?:'m| am) (?:unable|not able) to)(?: (?:actually|directly|physically|currently))?"
    r" (?:see|view|access|analy[sz]e|process|interpret|look at)(?: or \w+)?"
    r" (?:(?:the|this) (?:actual )?(?:image|picture|photo|video)"
    r"|(?:the |any |these )?(?:images|pictures|photos|videos))\b(?! (?:on|in|of|behind|from|above|under) )"
    r"|^i (?:do not|don't) have (?:access to|the (?:ability|capability) to|enough information to|(?:any )?visual)"
    r"|^(?:很?抱歉|对不起)[，,]?\s*(?:但)?(?:作为|我(?:无法|不能))|^作为(?:一个|一名)?\s*(?:ai|人工智能)(?:语言模型|助手)?[，,]"
    r"|^lo siento, (?:pero )?(?:no puedo|como)|^es tut mir leid, (?:aber )?(?:ich kann|als)"
    r"|^je suis désolée?, (?:mais )?je ne peux",
    re.IGNORECASE,
)
ERROR_TEXT = re.compile(
    r"^\W{0,3}(?:(?:error(?: code)?:? ?)?(?:[45]\d\d[ :-]+)?(?:rate limit (?:reached|exceeded)|rate_limit_exceeded|"
    r"too many requests|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|"
    r"insufficient_quota|request timed out|request failed with status code|"
    r"you exceeded your current quota|upstream connect error|the server had an error|"
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
LEAKED_ANNOTATION = re.compile(
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

LITERALS: dict[str, tuple[str, ...]] = {
    "error_text": (
        "error", "timed out", "request failed", "rate limit", "rate_limit", "too many req",
        "gateway", "unavailable", "quota", "overloaded",
        "context_length", "traceback (", "<",
    ),
    "refusal": (
        "-based ai", "multimodal ai",
        "\ni ", "\ni'", "\ni’", "\nsorry", "\nmy apologies", "\nunfortunately", "as an ai", "as a ai",
        "artificial intelligence", "language model", "virtual assistant", "chatbot", "抱歉", "对不起", "\n作为",
        "\nlo siento", "\nes tut mir leid", "\nje suis d",
    ),
    "leaked_prompt": ("syx-", "<<<", "‹‹‹"),
    "leaked_annotation": (
        "caption", "description", "annotation", "bounding box", "metadata", "narration", "subtitle",
    ),
}  # fmt: skip
"""By reason: what a text that breaks the rule holds at least one of, case folded, a newline before every text."""


def find_suspicions(joined: str) -> set[str]:
    """The reasons in LITERALS that any of several texts, joined by newlines, can have; the patterns then decide."""
    folded = fold_case(f"\n{joined}")
    return {reason for reason, literals in LITERALS.items() if any(map(folded.__contains__, literals))}


def fold_case(text: str) -> str:
    """Folded as patterns ignore case: for them the Turkish i, dotless or a capital with a dot, is an i as well."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("ı", "i").replace("i\u0307", "i")
