"""Claims of a pair and what becomes of them: the pair as it is read, and verdicts that point to their evidence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.reading import Mention, Sentence, lower, read_sentences
from app.pipeline.grounding.words import HEDGES, NEGATIONS, PERCEIVED, speaks_of_whole_scene
from app.pipeline.values import Pair

CLAIM_CLASSES = ("object", "count", "colour", "position", "order", "time", "difference", "consistency")
"""What claims are about; `consistency` is about the other pairs of the item."""


_SUPPOSING = frozenset(("can", "cannot", "you", "we"))


class Standing(StrEnum):
    """What the annotation has to say to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim and its evidence.

    claim: the words of the response, or of the instruction it answers; start, end: their place in the response
    fact: what the annotation (or another pair) says; line: the line of the annotation, from 1, where one says it
    """

    claim_class: str
    standing: Standing
    claim: str
    start: int
    end: int
    fact: str
    line: int | None = None

    @property
    def code(self) -> str:
        """The code of a finding about this claim."""
        return f"ungrounded_{self.claim_class}" if self.claim_class != "consistency" else "inconsistent_pairs"

    def describe(self) -> dict[str, Any]:
        """The evidence as JSON."""
        return {
            "class": self.claim_class,
            "standing": self.standing.value,
            "claim": self.claim,
            "span": [self.start, self.end],
            "fact": self.fact,
            "line": self.line,
        }


class ReadPair:
    """A pair with its sentences read."""

    __slots__ = ("answer", "instruction", "pair", "question", "response")

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.question = lower(pair.instruction)
        self.answer = lower(pair.response)
        self.instruction = read_sentences(pair.instruction)
        self.response = read_sentences(pair.response)

    @property
    def says_yes(self) -> bool | None:
        """Whether the response begins with a yes or a no; None where it does with neither."""
        first = self.response[0].words[0] if self.response else ""
        return {"yes": True, "no": False, "yeah": True, "nope": False}.get(first)

    def judge(
        self, claim_class: str, standing: Standing, span: tuple[int, int], fact: str, line: int | None = None
    ) -> Verdict:
        """A verdict about the words at `span` of the response."""
        start, end = span
        return Verdict(claim_class, standing, self.pair.response[start:end], start, end, fact, line)


Check = Callable[[ReadPair, Annotation], Iterator[Verdict]]
"""Finds the claims of one class in a pair and judges them."""


def span_of(sentence: Sentence, mention: Mention) -> tuple[int, int]:
    """Where a mention's phrase stands in the text."""
    return sentence.starts[mention.first], sentence.ends[mention.at]


def is_hedged(sentence: Sentence) -> bool:
    """Whether the sentence may speak of what is not there: a supposition, a comparison, advice, a question."""
    if sentence.is_question or not HEDGES.isdisjoint(sentence.words):
        return True
    return not _SUPPOSING.isdisjoint(sentence.words) and any(
        word in _SUPPOSING and (following not in PERCEIVED and following not in _SUPPOSING)
        for word, following in pairwise((*sentence.words, ""))
    )


def is_after_negation(sentence: Sentence, mention: Mention) -> bool:
    """Whether something is denied before the mention."""
    return not NEGATIONS.isdisjoint(sentence.words[: mention.at])


def is_unrestricted(sentence: Sentence, mention: Mention) -> bool:
    """Whether what follows the mention, up to the next comma, leaves it as it is."""
    rest = sentence.words[mention.at + 1 :]
    if "," in rest:
        rest = rest[: rest.index(",")]
    return speaks_of_whole_scene(rest)
