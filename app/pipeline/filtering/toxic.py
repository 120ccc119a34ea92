"""Words that have no place in a description: a short list, found as whole words, that an order can extend.

The list holds slurs and abuse that mean nothing else, no words that also name a thing, an animal or a part of the body
and none of medicine, war or sport. It is meant to catch what is beyond doubt, not to judge a tone.
"""

import re
from collections.abc import Iterable

from app.pipeline.filtering.rules import Candidate, ReplyContext, Rule

TOXIC_WORDS = (
    "asshole", "assholes", "bastards", "bitches", "bollocks", "bullshit", "chink", "chinks", "cunt", "cunts",
    "dickhead", "dickheads", "dipshit", "faggot", "faggots", "fuck", "fucked", "fucker", "fuckers", "fucking", "fucks",
    "gook", "gooks", "jackass", "kike", "kikes", "motherfucker", "motherfuckers", "motherfucking", "nigga", "niggas",
    "nigger", "niggers", "retarded", "retards", "shit", "shits", "shitty", "slut", "sluts", "slutty", "spic", "spics",
    "tranny", "trannies", "twat", "twats", "wanker", "wankers", "wetback", "wetbacks", "whore", "whores",
)  # fmt: skip
"""Lower case, whole words."""

_THREATS = re.compile(
    r"\b(?:i(?:'ll| will| am going to)|we(?:'ll| will)) (?:kill|murder|rape|lynch|hurt) (?:you|your)\b"
    r"|\b(?:kill|hang|shoot) yourself\b",
    re.IGNORECASE,
)
_TOXIC = re.compile(rf"\b(?:{'|'.join(TOXIC_WORDS)})\b", re.IGNORECASE)


def compile_phrases(phrases: Iterable[str], *, is_case_kept: bool = False) -> re.Pattern[str] | None:
    """A pattern of whole words or phrases, any white space between their words; None for no phrase."""
    wanted = sorted({" ".join(phrase.split()) for phrase in phrases if phrase.strip()}, key=lambda p: (-len(p), p))
    if not wanted:
        return None
    bodies = [r"\s+".join(map(re.escape, phrase.split(" "))) for phrase in wanted]
    return re.compile(rf"(?<!\w)(?:{'|'.join(bodies)})(?!\w)", re.NOFLAG if is_case_kept else re.IGNORECASE)


def _find_toxic(candidate: Candidate, _: ReplyContext) -> str:
    for text in (candidate.pair.instruction, candidate.pair.response):
        match = _TOXIC.search(text) or _THREATS.search(text.replace("’", "'"))
        if match:
            return f"it says {match[0]!r}"
    return ""


def _find_banned_word(candidate: Candidate, context: ReplyContext) -> str:
    pattern = context.options.words
    for text in (candidate.pair.instruction, candidate.pair.response):
        match = pattern.search(text) if pattern else None
        if match:
            return f"it says {match[0]!r}"
    return ""


TOXIC: tuple[Rule, ...] = (
    Rule(
        "toxic",
        "toxic",
        "A word of a short list of slurs and abuse, or a threat, stands in the pair (docs/filters.md has the list).",
        _find_toxic,
        words=frozenset(TOXIC_WORDS) | {"kill", "murder", "rape", "lynch", "hurt", "hang", "shoot"},
    ),
    Rule(
        "banned_word",
        "toxic",
        "A word or phrase of the order's `banned_words` stands in the pair, in any case.",
        _find_banned_word,
    ),
)
