"""The rules a pair must pass to be kept; each has a name, and what it refuses keeps its reason and its text."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.pipeline.formats import EARLIER_ROUND_REFUSED, PAIRS, ParsedReply, ReplyGrammar
from app.pipeline.formats.schemas import MAX_INSTRUCTION_CHARACTERS, MAX_RESPONSE_CHARACTERS
from app.pipeline.prompt_leaks import (
    PairKey,
    find_overlap,
    fold_text,
    is_in_examples,
    key_of,
    know_prompt,
    may_overlap,
)
from app.pipeline.telltales import (
    CANARY,
    ERROR_TEXT,
    FRAME_MARK,
    LEAKED_ANNOTATION,
    LITERALS,
    REFUSAL,
    find_suspicions,
)
from app.pipeline.values import Pair, Prompt, Rejection

__all__ = [
    "FILTER_VERSION",
    "RULES",
    "Candidate",
    "FilterResult",
    "HouseRule",
    "ReplyContext",
    "choose_rules",
    "filter_pairs",
    "filter_reply",
    "find_overlap",
]

FILTER_VERSION = "3"
"""Changes whenever a rule changes its mind about any pair, so that a rerun can tell old verdicts from new."""

_LONGEST_EXCUSE = 80  # an example's pair at least this long is never written twice by chance
_REPEATED_QUESTION_WORDS = 4

_WORD = re.compile(r"[^\W_]")


class HouseRule(Protocol):
    """A rule of a dataset's kind; `datasets.house_rules.HouseRule` is one."""

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...

    @property
    def violates(self) -> Callable[[str, str], bool]: ...

    @property
    def round_number(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The pairs that are kept, in order, and every refusal, those of the parser first."""

    accepted: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair before the rules, with its key (the words of both halves) and its place in its conversation, from 0."""

    pair: Pair
    key: PairKey
    round_number: int = 0


@dataclass(slots=True)
class ReplyContext:
    """What the rules look at beside the pair itself.

    questions: those asked before, each with its conversation; those that open one stand under None as well
    """

    prompt: Prompt
    sentences: str
    seen: set[PairKey] = field(default_factory=set)
    questions: set[tuple[int | None, str]] = field(default_factory=set)

    def keep(self, candidate: Candidate) -> None:
        """Note a pair that broke no rule."""
        question = candidate.key[0]
        self.seen.add(candidate.key)
        self.questions.add((candidate.pair.conversation, question))
        if candidate.round_number == 0:
            self.questions.add((None, question))


Rule = Callable[[Candidate, ReplyContext], str]
"""Says in words what is wrong with a pair, or nothing."""


def filter_pairs(
    pairs: Sequence[Pair],
    rejections: Iterable[Rejection] = (),
    *,
    house_rules: Sequence[HouseRule] = (),
    prompt: Prompt,
    sentences: str,
    fewest: int = 1,
    grammar: ReplyGrammar = PAIRS,
    most: int | None = None,
    earlier: Sequence[Pair] = (),
) -> FilterResult:
    """Keep the pairs of one item that break no rule.

    rejections: what the parser refused, passed through. sentences: the item's annotation. A rejection's ordinal is
    the pair's place in the reply; the first rule that a pair breaks is its reason. Where fewer than `fewest` pairs
    are left, those are kept, and `too_few_pairs` says so: good pairs are not thrown away for others that are missing.
    Where the grammar keeps the order of rounds, those after a refused one are `earlier_round_refused`.
    Good pairs after the first `most` are refused as `surplus_pair`. `earlier` are pairs of the item that were kept
    before: what repeats one of them is a duplicate.
    """
    context = ReplyContext(prompt, sentences)
    rules = choose_rules(pairs, prompt)
    accepted: list[Pair] = []
    refused = list(rejections)
    rounds: Counter[int] = Counter()
    broken: set[int] = set()
    for pair in earlier:
        context.keep(Candidate(pair, key_of(pair), rounds[pair.conversation]))
        rounds[pair.conversation] += 1
    for ordinal, pair in enumerate(pairs):
        candidate = Candidate(pair, key_of(pair), rounds[pair.conversation])
        rounds[pair.conversation] += 1
        if pair.conversation in broken:
            verdict: tuple[str, str] | None = EARLIER_ROUND_REFUSED
        else:
            verdict = _find_broken_rule(candidate, context, rules, house_rules)
        if verdict is None and len(accepted) == most:
            verdict = "surplus_pair", f"pairs kept of a reply: {most}"
        if verdict is None:
            context.keep(candidate)
            accepted.append(pair)
            continue
        if grammar.keeps_order:
            broken.add(pair.conversation)
        refused.append(Rejection(*verdict, f"{pair.instruction}\n{pair.response}", pair, ordinal))
    if 0 < len(accepted) < fewest:
        refused.append(Rejection("too_few_pairs", f"{len(accepted)} of at least {fewest} pairs were accepted"))
    return FilterResult(tuple(accepted), tuple(refused))


def filter_reply(
    reply: ParsedReply,
    *,
    house_rules: Sequence[HouseRule] = (),
    prompt: Prompt,
    sentences: str,
    grammar: ReplyGrammar = PAIRS,
) -> FilterResult:
    """`filter_pairs` for what the parser returned."""
    return filter_pairs(
        reply.pairs,
        reply.rejections,
        house_rules=house_rules,
        prompt=prompt,
        sentences=sentences,
        grammar=grammar,
    )


def choose_rules(pairs: Sequence[Pair], prompt: Prompt) -> list[tuple[str, Rule]]:
    """The rules that any of these pairs can break, in order, with their reasons.

    Most patterns cannot match without one of a few literals, and almost no reply holds one: looking for those once,
    in all texts together, spares every pair the patterns.
    """
    joined = "\n".join([text for pair in pairs for text in (pair.instruction, pair.response)])
    suspected = find_suspicions(joined)
    if may_overlap(prompt, joined):
        suspected.add("leaked_prompt")
    return [(reason, rule) for reason, rule in RULES.items() if reason not in LITERALS or reason in suspected]


def _find_broken_rule(
    candidate: Candidate,
    context: ReplyContext,
    rules: Iterable[tuple[str, Rule]],
    house_rules: Sequence[HouseRule],
) -> tuple[str, str] | None:
    for reason, find in rules:
        detail = find(candidate, context)
        if detail:
            return reason, detail
    for rule in house_rules:
        if rule.round_number not in (None, candidate.round_number):
            continue
        if rule.violates(candidate.pair.instruction, candidate.pair.response):
            return rule.code, rule.message
    return None


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


RULES: dict[str, Rule] = {
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
