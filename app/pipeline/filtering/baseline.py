"""The baseline: what is refused in every job unless the order says otherwise."""

import re

from app.pipeline.filtering.rules import Candidate, Find, Gate, ReplyContext, ReplyText, Rule, Severity
from app.pipeline.formats.schemas import MAX_INSTRUCTION_CHARACTERS, MAX_RESPONSE_CHARACTERS
from app.pipeline.prompt_leaks import (
    find_overlap,
    fold_text,
    is_in_examples,
    know_prompt,
    may_overlap,
    may_overlap_folded,
)
from app.pipeline.telltales import CANARY, ERROR_TEXT, FRAME_MARK, LEAKED_ANNOTATION, LITERALS, REFUSAL
from app.pipeline.values import Prompt

_LONGEST_EXCUSE = 80  # an example's pair at least this long is never written twice by chance
_REPEATED_QUESTION_WORDS = 4

_WORD = re.compile(r"[^\W_]")


def _find_empty(candidate: Candidate, _: ReplyContext) -> str:
    for side, text in (("instruction", candidate.pair.instruction), ("response", candidate.pair.response)):
        if _WORD.search(text) is None:
            return f"the {side} holds no word"
    return ""


def _find_error_text(candidate: Candidate, _: ReplyContext) -> str:
    match = ERROR_TEXT.match(candidate.pair.instruction) or ERROR_TEXT.match(candidate.pair.response)
    return f"the text of an error: {match[0][:60]!r}" if match else ""


def _find_refusal(candidate: Candidate, _: ReplyContext) -> str:
    for side, text in (("instruction", candidate.pair.instruction), ("response", candidate.pair.response)):
        match = REFUSAL.search(text.replace("’", "'")[:2000])
        if match:
            return f"the {side} refuses: {match[0].strip()[:80]!r}"
    return ""


def _find_leaked_prompt(candidate: Candidate, context: ReplyContext) -> str:
    for text in (candidate.pair.instruction, candidate.pair.response):
        if CANARY.search(text):
            return "the canary of the system message"
        if FRAME_MARK.search(text):
            return "the marks around the annotation"
        passage = find_overlap(context.prompt, text)
        if passage and passage not in fold_text(context.sentences) and not is_in_examples(passage, context.prompt):
            return f"a passage of the system message: {passage[:80]!r}"
    return ""


def _find_copied_example(candidate: Candidate, context: ReplyContext) -> str:
    question, answer = candidate.key
    is_long = len(question) + len(answer) >= _LONGEST_EXCUSE
    if is_long and candidate.key in know_prompt(context.prompt).example_keys:
        return "a pair of the in-context examples, word by word"
    return ""


def _find_leaked_annotation(candidate: Candidate, _: ReplyContext) -> str:
    match = LEAKED_ANNOTATION.search(candidate.pair.instruction) or LEAKED_ANNOTATION.search(candidate.pair.response)
    return f"it speaks of the annotation: {match[0]!r}" if match else ""


def _find_overlong(candidate: Candidate, _: ReplyContext) -> str:
    if len(candidate.pair.instruction) > MAX_INSTRUCTION_CHARACTERS:
        return f"the instruction is longer than {MAX_INSTRUCTION_CHARACTERS} characters"
    if len(candidate.pair.response) > MAX_RESPONSE_CHARACTERS:
        return f"the response is longer than {MAX_RESPONSE_CHARACTERS} characters"
    return ""


def _find_echo(candidate: Candidate, _: ReplyContext) -> str:
    question, answer = candidate.key
    return "the response repeats the instruction" if question == answer else ""


def _find_duplicate(candidate: Candidate, context: ReplyContext) -> str:
    question = candidate.key[0]
    places = [candidate.pair.conversation, *([None] if candidate.round_number == 0 else [])]
    if not any((place, question) in context.questions for place in places):
        return ""
    if candidate.key in context.seen:
        return "the same pair stands before it"
    if len(question.split()) >= _REPEATED_QUESTION_WORDS:
        return "the same question stands before it"
    return ""


RULES: dict[str, Find] = {
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

_DESCRIPTIONS = {
    "empty": "The instruction or the response holds no word.",
    "overlong": (
        f"The instruction is longer than {MAX_INSTRUCTION_CHARACTERS} characters, or the response longer than "
        f"{MAX_RESPONSE_CHARACTERS}."
    ),
    "error_text": "The text of an error, of a server or a program, stands for a pair.",
    "refusal": "The model refuses to answer, or speaks of itself as a model that cannot see.",
    "leaked_prompt": "A passage of the system message, its canary or the marks around the annotation came back.",
    "copied_example": "The pair is one of the in-context examples, word by word.",
    "leaked_annotation": "The pair speaks of the captions, boxes or other notes that the model was given.",
    "echo": "The response repeats the instruction.",
    "duplicate": "The same pair, or the same question of at least four words, stands before it in its reply.",
}
_FAMILIES = {
    "empty": "formats",
    "overlong": "lengths",
    "error_text": "formats",
    "refusal": "refusals",
    "leaked_prompt": "leaks",
    "copied_example": "leaks",
    "leaked_annotation": "leaks",
    "echo": "repeats",
    "duplicate": "repeats",
}


def _may_leak_prompt(reply: ReplyText, prompt: Prompt) -> bool:
    if reply.joined.isascii():  # the folded text has lost the dots of a Turkish i, which the system message may hold
        return may_overlap_folded(prompt, " ".join(reply.pieces))
    return may_overlap(prompt, reply.joined)


def _may_be_empty(reply: ReplyText, _: Prompt) -> bool:
    return not reply.folded.isascii() or any(not key[0] or not key[1] for key in reply.keys)


def _may_be_overlong(reply: ReplyText, _: Prompt) -> bool:
    return len(reply.joined) > MAX_INSTRUCTION_CHARACTERS


def _may_copy_example(reply: ReplyText, prompt: Prompt) -> bool:
    return not know_prompt(prompt).example_keys.isdisjoint(reply.keys)


def _may_echo(reply: ReplyText, _: Prompt) -> bool:
    return any(key[0] == key[1] for key in reply.keys)


def _may_repeat(reply: ReplyText, _: Prompt) -> bool:
    questions = reply.questions
    return len(set(questions)) < len(questions)


_GATES: dict[str, Gate] = {
    "empty": _may_be_empty,
    "overlong": _may_be_overlong,
    "leaked_prompt": _may_leak_prompt,
    "copied_example": _may_copy_example,
    "echo": _may_echo,
    "duplicate": _may_repeat,
}

BASELINE: tuple[Rule, ...] = tuple(
    Rule(
        code,
        _FAMILIES[code],
        _DESCRIPTIONS[code],
        find,
        Severity.REJECT,
        literals=LITERALS.get(code, ()),
        gate=_GATES.get(code),
        version=4,
    )
    for code, find in RULES.items()
)
