"""What a rule is, and what it looks at: a pair, its reply, and what the order says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from app.pipeline.filtering.shingles import Shingles, shingle_question
from app.pipeline.prompt_leaks import PairKey
from app.pipeline.telltales import fold_case
from app.pipeline.values import Pair, Prompt

_WORDLESS = re.compile(r"[\W_]+")


class Severity(StrEnum):
    """What follows where a rule finds something: the pair is refused, kept with a flag, or changed; or nobody looks."""

    REJECT = "reject"
    FLAG = "flag"
    REPAIR = "repair"
    OFF = "off"


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
class Candidate:
    """A pair before the rules, with its key (the words of both halves) and its place in its conversation, from 0."""

    pair: Pair
    key: PairKey
    round_number: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What an order says beside severities.

    names, words: patterns of what may not occur, None where the order bans none
    instruction_words, response_words: fewest and most words, None where the order sets no bound
    similarity: from which share of common shingles on two instructions count as one
    """

    names: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    instruction_words: tuple[int, int] | None = None
    response_words: tuple[int, int] | None = None
    similarity: float = 0.8


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was kept: where it stands, what tells it from others, and its text."""

    conversation: int
    round_number: int
    shingles: Shingles
    text: str


@dataclass(slots=True)
class ReplyContext:
    """What the rules look at beside the pair itself.

    questions: those asked before, each with its conversation; those that open one stand under None as well
    asked: the same by their shingles, where a rule compares them
    """

    prompt: Prompt
    sentences: str
    seen: set[PairKey] = field(default_factory=set)
    questions: set[tuple[int | None, str]] = field(default_factory=set)
    options: Options = DEFAULTS
    asked: list[Asked] = field(default_factory=list)
    shingled: dict[str, Shingles] = field(default_factory=dict)

    def keep(self, candidate: Candidate) -> None:
        """Note a pair that broke no rule."""
        question = candidate.key[0]
        self.seen.add(candidate.key)
        self.questions.add((candidate.pair.conversation, question))
        if candidate.round_number == 0:
            self.questions.add((None, question))

    def keep_question(self, candidate: Candidate) -> None:
        """Note the question of a pair for comparisons with later ones."""
        pair = candidate.pair
        shingles = self.shingle(candidate)
        self.asked.append(Asked(pair.conversation, candidate.round_number, shingles, pair.instruction))

    def shingle(self, candidate: Candidate) -> Shingles:
        """The shingles of a question, cut once."""
        question = candidate.key[0]
        shingles = self.shingled.get(question)
        if shingles is None:
            shingles = self.shingled[question] = shingle_question(question)
        return shingles


@dataclass(frozen=True, slots=True)
class ReplyText:
    """All texts of a reply: as they stand with newlines between; case folded, a newline before each; every word.

    keys: of its pairs, in order; earlier: of pairs that were kept of the same item before
    pieces: the folded text, cut at white space
    numbers: the words that are nothing but digits
    """

    pairs: Sequence[Pair]
    keys: Sequence[PairKey]
    earlier: Sequence[PairKey]
    joined: str
    folded: str
    pieces: list[str]
    words: frozenset[str]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Sequence[Pair], keys: Sequence[PairKey], earlier: Sequence[PairKey] = ()) -> "ReplyText":
        """What there is to know of a reply's pairs; keys: of each, as `key_of` gives it."""
        joined = join_texts(pairs)
        folded = fold_case(f"\n{joined}")
        if folded.isascii():
            words = frozenset(" ".join([half for key in keys for half in key]).split())
        else:
            words = frozenset(_WORDLESS.sub(" ", folded).split())
        numbers = tuple(filter(str.isdecimal, words))
        return cls(pairs, keys, earlier, joined, folded, folded.split(), words, numbers)

    @property
    def questions(self) -> list[str]:
        """The words of every instruction, those of earlier pairs first."""
        return [key[0] for key in (*self.earlier, *self.keys)]


Find = Callable[[Candidate, ReplyContext], str]
"""Says in words what is wrong with a pair, or nothing."""

Gate = Callable[[ReplyText, Prompt], bool]
"""False only where no pair of a reply breaks the rule."""

Mend = Callable[[Pair], Pair]
"""The pair as it should be; an equal one where nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule. `version` rises whenever it changes its mind about any pair.

    severity: what it does where it is on
    is_on: whether it is on where neither the kind nor the order says something
    literals, words, gate: a cheap look at a whole reply: where none of these is in it, no pair of it breaks the rule.
        Most patterns cannot match without one of a few literals, and almost no reply holds one, so that looking once,
        in all texts together, spares every pair the patterns. A rule without any of them looks at every pair.
    mend: for rules that repair; `find` says what it would change
    scope: `pair` where a pair and its reply are enough, `job` where all pairs of a job are compared at its end
    """

    code: str
    family: str
    description: str
    find: Find
    severity: Severity = Severity.FLAG
    is_on: bool = True
    literals: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    gate: Gate | None = None
    mend: Mend | None = None
    scope: str = "pair"
    version: int = 1

    @property
    def severities(self) -> tuple[Severity, ...]:
        """What an order may set it to."""
        if self.mend is not None:
            return tuple(Severity)
        return (Severity.REJECT, Severity.FLAG, Severity.OFF)

    def may_concern(self, reply: ReplyText, prompt: Prompt) -> bool:
        """False only where no pair of the reply can break the rule."""
        if not (self.words or self.literals or self.gate):
            return True
        return (
            not self.words.isdisjoint(reply.words)
            or any(map(reply.folded.__contains__, self.literals))
            or (self.gate is not None and self.gate(reply, prompt))
        )


def join_texts(pairs: Sequence[Pair]) -> str:
    """All texts of a reply, a newline between."""
    return "\n".join([text for pair in pairs for text in (pair.instruction, pair.response)])


def find_mended(mend: Mend) -> Find:
    """For a rule that repairs: what it would change."""

    def find(candidate: Candidate, _: ReplyContext) -> str:
        pair, mended = candidate.pair, mend(candidate.pair)
        changed = [side for side in ("instruction", "response") if getattr(pair, side) != getattr(mended, side)]
        return f"the {' and the '.join(changed)} would be changed" if changed else ""

    return find
