"""Questions without a definite answer, and answers that are none."""

import re

from app.pipeline.filtering.people import is_quoted
from app.pipeline.filtering.rules import Candidate, ReplyContext, ReplyText, Rule
from app.pipeline.values import Prompt

_TO_TELL = (
    r"(?:tell(?! (?:[\w']+ ){1,4}apart)|say|know|determine|judge|identify|ascertain|infer|conclude|be (?:sure|certain))"
)
_NO_REASON = r"(?<!because )(?<!since )(?<!when )(?<!where )(?<!if )"  # after these it tells why something is hard
_IN_THE_SCENE = r"(?! (?:distances?|depths?|speeds?)\b)"  # which the fog hides from the driver, not from who answers
_OPEN = re.compile(
    rf"\b{_NO_REASON}(?:it|this|that) (?:is|was|remains|would be)(?: \w+)? (?:(?:not possible|impossible|hard|difficult"
    rf"|unclear|not clear|uncertain|unknown|not known)"
    rf" (?:for (?:me|us) )?(?:to|from) (?:the (?:image|picture|video) (?:to )?)?{_TO_TELL}\b{_IN_THE_SCENE}"
    rf"|(?:unclear|not clear|uncertain|unknown|not known) (?:whether|if|what|who|why|how|where|when|which)\b)"
    rf"|\b(?:cannot|can't|can not|could not|couldn't) be (?:determined|known|told|ascertained|inferred|identified)\b"
    rf"|\b(?:i|we|one|you) (?:cannot|can't|can not|could not|couldn't|am unable to|am not able to|do not|don't) "
    rf"(?:really |actually )?{_TO_TELL}\b"
    rf"|\b(?:is|are|was|were) (?:not|never) (?:specified|mentioned|stated|described|known|given|indicated|clear)\b"
    rf"(?=[.;,!]|$| (?:in|by|whether|what|who|why|how|where|when|which)\b)"
    rf"|\b(?:not enough|insufficient|no|without (?:more|further|additional|any)) (?:information|context|details?) "
    rf"(?:is |are |was )?(?:to|about|on|given|provided|available)\b"
    rf"|\b(?:i am|i'm|we are) not (?:sure|certain)\b|^(?:unknown|n/?a|unclear|not sure|no idea|none given)\W*$"
    rf"|\b(?:could|may|might) be anything\b|\bthere is no way (?:to|of) (?:tell|know)",
    re.IGNORECASE,
)
# Each match of the patterns holds one of these.
_OPEN_WORDS = frozenset(
    {
        "possible", "impossible", "hard", "difficult", "unclear", "clear", "uncertain", "unknown", "known",
        "cannot", "t", "not", "never", "unable", "enough", "insufficient", "without", "information", "no",
        "sure", "certain", "n", "na", "anything", "maybe", "perhaps", "possibly", "depends", "idea", "none",
    }
)  # fmt: skip
_YES_AND_NO = re.compile(r"^(?:yes and no|maybe|perhaps|possibly|it depends)\b[^a-z]*$", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"(?:[,;:(–-]|\b(?:and|or|but|because|which|that|with|of|the|a|an|to|in|on|at|for|from|by|is|are|was|were|while))\s*$",
    re.IGNORECASE,
)
_NO_END = re.compile(r"[\w,;:(–-]\s*\Z")
_LONG_ENOUGH_WORDS = 8  # to need an end at all: "Two dogs" is an answer


def _find_open(candidate: Candidate, _: ReplyContext) -> str:
    text = candidate.pair.response.replace("’", "'")
    match = _OPEN.search(text) or _YES_AND_NO.search(text)
    if match is None or is_quoted(text, match.start()):
        return ""
    return f"the response leaves it open: {match[0].strip()[:80]!r}"


def _find_question_for_answer(candidate: Candidate, _: ReplyContext) -> str:
    text = candidate.pair.response.strip()
    if text.endswith(("?", "？")) and not re.search(r"[.!。！](?:\s|$)", text):
        return "the response is a question"
    return ""


def _find_unfinished(candidate: Candidate, _: ReplyContext) -> str:
    text = candidate.pair.response.rstrip()
    if not _NO_END.search(text[-2:]) or len(text.split()) < _LONG_ENOUGH_WORDS:
        return ""
    match = _UNFINISHED.search(text[-20:])
    return f"the response breaks off: {text[-40:]!r}" if match else ""


def _may_answer_with_question(reply: ReplyText, _: Prompt) -> bool:
    return any(pair.response.rstrip().endswith(("?", "？")) for pair in reply.pairs)


def _may_break_off(reply: ReplyText, _: Prompt) -> bool:
    return not all(pair.response.endswith((".", "!", "?")) for pair in reply.pairs)


ANSWERS: tuple[Rule, ...] = (
    Rule(
        "question_without_answer",
        "answers",
        "The response says that it cannot be told, or leaves it open; only what has a definite answer should be asked.",
        _find_open,
        words=_OPEN_WORDS,
        version=2,
    ),
    Rule(
        "question_for_answer",
        "answers",
        "The response is nothing but a question.",
        _find_question_for_answer,
        gate=_may_answer_with_question,
    ),
    Rule(
        "unfinished",
        "formats",
        "The response breaks off in the middle of a sentence.",
        _find_unfinished,
        gate=_may_break_off,
    ),
)
