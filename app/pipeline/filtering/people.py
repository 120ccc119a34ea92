"""Who speaks and who is spoken of: names an order bans, the model as a person, the reader as a "user"."""

import re

from app.pipeline.filtering.rules import Candidate, ReplyContext, Rule, Severity

# Only where a sentence begins with it: within one, "I" may be what somebody in the picture says.
_AS_ITSELF = re.compile(
    r"(?:^|[.!?]\s+|\n)"
    r"(?:(?:in|from|looking at|based on) (?:this|the|these) (?:image|picture|photo|video|scene|clip)s?,? )?"
    r"(?:yes, |no, |well, )?(?:as )?i (?:can |could )?"
    r"(?:see|notice|observe|assume|believe|think|would say|would guess|infer)\b"
    r"|\bas far as i can (?:see|tell)\b|\bto me,? it (?:looks|seems|appears)\b",
    re.IGNORECASE,
)
_OF_A_USER = re.compile(
    r"\bthe user(?:'s)?\b(?! (?:of|interface|manual|guide|name|account|group|who|that)\b)"
    r"|\bthe (?:questioner|asker)(?:'s)?\b|\bdear (?:user|reader)\b",
    re.IGNORECASE,
)


def _find_banned_name(candidate: Candidate, context: ReplyContext) -> str:
    pattern = context.options.names
    for text in (candidate.pair.instruction, candidate.pair.response):
        match = pattern.search(text) if pattern else None
        if match:
            return f"it names {match[0]!r}"
    return ""


def _find_itself(candidate: Candidate, _: ReplyContext) -> str:
    text = candidate.pair.response.replace("’", "'")
    for match in _AS_ITSELF.finditer(text):
        if not is_quoted(text, match.start()):
            return f"the response speaks as somebody who looks: {match[0].strip()[:60]!r}"
    return ""


def is_quoted(text: str, at: int) -> bool:
    """Whether a quotation is open at a place of a text."""
    before = text[:at]
    return before.count('"') % 2 == 1 or before.count("“") > before.count("”")


def _find_user(candidate: Candidate, _: ReplyContext) -> str:
    for text in (candidate.pair.instruction, candidate.pair.response):
        match = _OF_A_USER.search(text.replace("’", "'"))
        if match:
            return f"it speaks of {match[0]!r}"
    return ""


PEOPLE: tuple[Rule, ...] = (
    Rule(
        "banned_name",
        "people",
        "A name of the order's `banned_names` stands in the pair, written as it is there.",
        _find_banned_name,
        Severity.REJECT,
    ),
    Rule(
        "answers_as_itself",
        "people",
        'The response says what "I" see or think, although nobody in the picture asks.',
        _find_itself,
        words=frozenset({"i", "me"}),
    ),
    Rule(
        "speaks_of_user",
        "people",
        'The pair speaks of "the user" or the asker instead of "you".',
        _find_user,
        words=frozenset({"user", "users", "questioner", "asker", "reader"}),
    ),
)
