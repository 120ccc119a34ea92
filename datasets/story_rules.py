"""House rules of the kinds that tell what happens: stories, videos, and what somebody sees through their own eyes."""

import re

from datasets.house_rules import (
    HouseRule,
    find_any_text,
    find_any_word,
    forbid,
    forbid_in_instruction,
    require_in_instruction,
    require_in_response,
)

_DIGITS = tuple("0123456789")
_CAMERA_WORDS = ("camera", "Camera", "cameraman", "Cameraman", "camerawoman", "cameraperson", "wearer", "unsure")

_NO_DECADE = r"(?!(?:the )?\d\d\d0['’]?s\b|the \d0['’]?s\b(?! mark))"
_NOT_TWO_DECADES = r"(?!(?:\d\d)?[2-9]0['’]?s (?:and|to|or) (?:\d\d)?[2-9]0['’]?s\b)"

QUOTES_TIMES = forbid(
    "quotes_times",
    'The pair tells the exact time of something; it must say "at the beginning", "right after that" and the like.',
    rf"\b(?:at|from|until|till|around|by|after|between|before|past) {_NO_DECADE}(?:about |around |the )?\d+(?:\.\d+)?"
    r"(?:[ -]?(?:s|secs?|seconds?)\b|(?:st|nd|rd|th) second\b)"
    r"|(?<!\bthe )(?<!\ba )\bseconds? \d|\bthe seconds? \d+(?:\.\d+)?(?![\w.-])"
    r"|\b\d+(?:\.\d+)?[ -]?(?:secs?|seconds?)(?:'s)? (?:in|into|mark|point)\b"
    rf"|\b{_NOT_TWO_DECADES}\d+(?:\.\d+)?(?: ?(?:s|secs?|seconds?))? ?(?:-|–|to|and) ?"
    r"\d+(?:\.\d+)? ?(?:s|secs?|seconds)\b"
    r"|\b(?:at|from|until|between|after|before) \d{1,2}:\d\d(?:[:.]\d+)?\b(?! ?(?:[ap]\.?m\b|o'clock))"
    r"|\bframes? (?:number )?\d+\b",
    gate=find_any_text(*_DIGITS),
)

ASKS_AS_MYSELF = require_in_instruction(
    "not_first_person",
    'The question is not asked by the person behind the camera; it must say "I", "me" or "my".',
    r"\b(?:I|I'm|I've|I'd|I'll|me|my|mine|myself|we|us|our|ours|ourselves)\b",
)

ANSWERS_TO_YOU = require_in_response(
    "not_second_person",
    'The answer does not speak to the person behind the camera; it must say "you" or "your".',
    r"\byou(?:r|rs|rself|rselves)?\b",
)

_PEOPLE = r"[Pp]erson|[Ww]oman|[Mm]an|[Ll]ady|[Gg]irl|[Bb]oy|[Pp]layer"
_MODALS = r"does|did|is|was|has|will|would|can"
_AFTER_A_VERB = r"the|a|an|up|down|at|on|to|from|with|his|her|their"

NAMES_THE_WEARER = forbid(
    "names_wearer",
    'The pair calls people by the letters of the notes ("C", "person X") or speaks of a camera wearer; '
    'it must say "I" and "you", "the man", "somebody".',
    rf"#\s*(?:[A-HJ-Z]\b|unsure)|\b(?:{_PEOPLE}) [A-HJ-Z](?:'s)?\b(?!\.[A-Z])"
    rf"|\bC's\b|\bC (?:{_MODALS}|had|then|and (?:the|a|an) )\b|\b(?:{_MODALS}) C\b"
    rf"|(?<![Vv]itamin )(?<![Tt]ype )(?<!USB )(?<!USB-)\bC [a-z]+s (?:{_AFTER_A_VERB})\b"
    r"|\b[Cc]amera[ -]?(?:wearer|operator|holder|man|woman|person)\b|\bthe wearer\b",
    flags=re.NOFLAG,
    gate=find_any_word((*"ABCDEFGHJKLMNOPQRSTUVWXYZ", *_CAMERA_WORDS)),
)

NEEDS_PIXELS = forbid_in_instruction(
    "needs_pixels",
    "The question can be answered only by looking at pixels; it must ask about the story, its people and feelings.",
    r"\bwhat colou?rs?\b|\bwhich colou?rs?\b|\bcolou?rs? (?:is|are|was|were|does|do)\b"
    r"|\bhow many (?:[\w-]+ ){1,4}(?:are|is|were|was|can|do|appear|stand|sit|in)\b"
    r"|\b(?:in|on) the (?:background|foreground|left|right|upper|lower|top|bottom|corner)\b"
    r"|\bleft[ -]hand side\b|\bright[ -]hand side\b"
    r"|\bwhat (?:is|are|was|were) [^?]{0,40}\bwearing\b|\bwhat (?:[\w-]+ ){0,3}wears?\b"
    r"|\bwhat (?:can|do|could) (?:you|we|i) see\b|\bcan you see\b|\bis visible\b|\bare visible\b"
    r"|\bwhat does [^?]{0,60}\blook like\b|\bwhat is shown\b|\bwhat is depicted\b|\bpixels?\b|\bresolution\b"
    r"|\bdescribe (?:the|this|that|each|every) (?:\w+ )?(?:image|photo|photograph|picture|scene)s?\b",
)

_OPTION = re.compile(r"\(([A-D])\)")


def _is_choice_without_answer(instruction: str, response: str) -> bool:
    offered = _OPTION.findall(instruction)
    if not offered:
        return False
    chosen = set(_OPTION.findall(response))
    return len(offered) < 3 or len(set(offered)) != len(offered) or len(chosen) != 1 or not chosen <= set(offered)


UNANSWERED_CHOICE = HouseRule(
    "unanswered_choice",
    "A multiple choice has three or four options, (A) to (D), and its answer names exactly one of them.",
    _is_choice_without_answer,
)
