"""From a sequence of roles and texts to pairs and rejections: the last step of every way to read a reply."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from app.pipeline.formats.normalise import normalise_text
from app.pipeline.values import Pair, Rejection

MAX_PAIRS = 10_000  # of one reply; beyond any model's longest answer, and an ordinal fits 15 bits


class Role(Enum):
    """Which half of a pair a text is."""

    QUESTION = "question"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text and the half it claims to be; torn when the reply ended inside it."""

    role: Role
    text: str
    torn: bool = False


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a reply held; everything that is no pair is a rejection with its text.

    unbroken: how many pairs stand before the first that was refused, all where none was; words around the pairs do
        not count
    """

    pairs: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]
    unbroken: int = 0


def assemble_pairs(spoken: Iterable[Spoken | Rejection], rejections: Iterable[Rejection] = ()) -> ParsedReply:
    """Pair each question with the answer that follows it; `rejections` found around the pairs come first."""
    pairs: list[Pair] = []
    around = list(rejections)
    refused: list[Rejection] = []
    unbroken = 0
    question: Spoken | None = None
    for piece in spoken:
        if isinstance(piece, Rejection):
            refused.append(piece)
        elif piece.role is Role.QUESTION:
            if question is not None:
                refused.append(_refuse_lone_question(question))
            question = piece
        elif question is None:
            refused.append(_refuse_lone_answer(piece))
        else:
            _join(question, piece, pairs, refused)
            question = None
        if not refused:
            unbroken = len(pairs)
    if question is not None:
        refused.append(_refuse_lone_question(question))
    return ParsedReply(tuple(pairs), (*around, *refused), unbroken)


def _join(question: Spoken, answer: Spoken, pairs: list[Pair], refused: list[Rejection]) -> None:
    pair = Pair(normalise_text(question.text), normalise_text(answer.text))
    whole = f"{pair.instruction}\n{pair.response}"
    if answer.torn:
        refused.append(Rejection("truncated", "the reply ended inside this answer", whole, pair))
    elif not pair.instruction or not pair.response:
        side = "question" if not pair.instruction else "answer"
        refused.append(Rejection("empty", f"the {side} is empty", whole.strip(), pair))
    else:
        pairs.append(pair)


def _refuse_lone_question(question: Spoken) -> Rejection:
    text = normalise_text(question.text)
    if question.torn:
        return Rejection("truncated", "the reply ended inside or right after this question", text)
    return Rejection("missing_answer", "no answer follows this question", text)


def _refuse_lone_answer(answer: Spoken) -> Rejection:
    reason = "truncated" if answer.torn else "missing_question"
    return Rejection(reason, "no question stands before this answer", normalise_text(answer.text))
