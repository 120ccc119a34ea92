"""House rules of single pictures: what a full description and a question that takes thought must be."""

import re

from datasets.house_rules import (
    MENTIONS_ANNOTATION,
    HouseRule,
    find_any_text,
    forbid_in_instruction,
    forbid_in_response,
)

_SPEAKS_OF_SOURCES = re.compile(
    r"\b(?:captions?|annotations?|transcripts?|subtitles?|narrations?|input text)\b"
    r"|\b(?:provided|given|above|supplied|these|those|following|(?:based on|according to|from) the) descriptions?\b",
    re.IGNORECASE,
)


def _speaks_of_sources(instruction: str, response: str) -> bool:
    return _SPEAKS_OF_SOURCES.search(instruction) is not None or MENTIONS_ANNOTATION.violates("", response)


MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE = HouseRule(
    MENTIONS_ANNOTATION.code,
    "The pair speaks of captions or of descriptions it was given; it may ask for a description, and must then speak of "
    "what can be seen.",
    _speaks_of_sources,
    _SPEAKS_OF_SOURCES,
)

LONG_ENOUGH_WORDS = 50

TOO_BRIEF = HouseRule(
    "too_brief",
    f"The description has fewer than {LONG_ENOUGH_WORDS} words; it must go into detail.",
    lambda _, response: len(response.split()) < LONG_ENOUGH_WORDS,
)

ASKS_WHAT_IS_VISIBLE = forbid_in_instruction(
    "asks_what_is_visible",
    "The question is answered by looking; it must take a conclusion or knowledge of the world.",
    r"(?:^|[.?!]\s+)(?:how many|(?:what|which) (?:colou?rs?|objects?|animals?|vehicles?)|is there|are there"
    r"|(?:where|who) (?:is|are)|what (?:is|are) (?:there|visible|shown|seen|in|on|under|behind|next to)"
    r"|what (?:is|are) (?:[\w'’-]+ ){1,5}?(?:doing|wearing|holding|carrying|riding|eating|drinking|looking at)"
    r"|what can (?:be|you) see|what do you see|what does the (?:image|picture|photo\w*) show|describe)\b",
    unless=r"\b(?:why|how (?:do|does|did|is|are|can|come)|might|could|would|should|may|if|likely|probabl\w+|suggest\w*"
    r"|infer\w*|conclu\w+|impl(?:y|ies)|indicat\w+|reasons?|purpose|explain|because|mean(?:s|ing)?|need(?:s|ed)?"
    r"|what for|so that|in order to|tells? (?:you|us|about))\b",
)

LEAVES_IT_OPEN = forbid_in_response(
    "indefinite_answer",
    "The answer says that it cannot be told; only what has a definite answer is asked.",
    r"\b(?<!because )(?<!since )(?<!when )(?<!where )(?<!if )(?:it|this|that) (?:is|was|would be|remains?)(?: \w+)? "
    r"(?:(?:not possible|impossible|hard|difficult|unclear|not clear|uncertain|unknown|not known)(?: for me)? to (?:say"
    r"|know|determine|judge(?! (?:distances?|depths?|speeds?)\b)|identify|ascertain|be sure|be certain"
    r"|tell(?! (?:[\w']+ ){1,4}?apart))\b"
    r"|(?:unclear|not clear|uncertain|unknown|not known) (?:whether|if|what|who|why|how|where|when|which)\b)"
    r"|\b(?:cannot|can['’]t|can not|could not|couldn['’]t) be (?:determined|known|told|ascertained|inferred)\b"
    r"|\b(?:i|we|one|you) (?:cannot|can['’]t|can not|am unable to|am not able to) (?:say|know|determine|judge|be sure"
    r"|be certain|tell(?! (?:[\w']+ ){1,4}?apart))\b"
    r"|\b(?:not enough|insufficient|without (?:more|further|additional|any)) (?:information|context|details)\b"
    r"|\b(?:i am|i['’]m|we are) not (?:sure|certain)\b",
    gate=find_any_text(
        "possible", "hard", "difficult", "clear", "certain", "known", "cannot", "can't", "can’t", "can not",
        "could not", "couldn", "unable", "not able", "information", "context", "details", "not sure",
    ),
)  # fmt: skip
