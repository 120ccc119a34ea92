"""Heuristic scores of a reply that may become an in-context example: each from 0 to 1, shown one by one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from app.pipeline.grounding import Standing, Verdict
from app.pipeline.selecting.likeness import Likeness
from app.pipeline.selecting.terms import list_terms
from app.pipeline.values import Pair, Rejection

WEIGHTS: Mapping[str, float] = {
    "parses": 2.0,
    "pairs": 1.0,
    "length": 1.0,
    "diversity": 1.0,
    "relevance": 1.0,
    "grounding": 2.0,
    "rules": 2.0,
    "leaks": 2.0,
}
"""What each score counts for in the overall one."""

INSTRUCTION_WORDS = (3, 40)
RESPONSE_WORDS = (3, 150)

_LEAKS = frozenset({"leaked_prompt", "leaked_annotation", "mentions_annotation", "copied_example"})
_ABOUT_COUNTS = frozenset({"too_few_pairs"})
_SOURCE_WORD = re.compile(r"\b(?:descriptions?|captions?|annotations?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of the model's reply about an item.

    flagged: how many of the pairs are kept with a finding against them
    grounding: the share of checkable claims that the annotation supports; None where nothing was checked
    """

    pairs: tuple[Pair, ...]
    rejections: tuple[Rejection, ...] = ()
    flagged: int = 0
    grounding: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """parses: how much of the reply could be read. pairs: whether there are as many as the kind wants.

    length: share of pairs of a natural length. diversity: how different the questions are. relevance: how many words
    reply and annotation share. grounding: share of checked claims that hold, None where none was checked. rules: share
    of pairs that break no rule. leaks: share of pairs that speak of nothing but what is to be seen.
    """

    parses: float
    pairs: float
    length: float
    diversity: float
    relevance: float
    grounding: float | None
    rules: float
    leaks: float

    @property
    def overall(self) -> float:
        """The weighted mean of those that there are; 0 where no pair is left."""
        found: dict[str, float] = {name: score for name, score in asdict(self).items() if score is not None}
        if not self.pairs:
            return 0.0
        return round(sum(WEIGHTS[name] * found[name] for name in found) / sum(WEIGHTS[name] for name in found), 4)

    def describe(self) -> dict[str, float | None]:
        """All of them with the overall one, as JSON."""
        rounded = {name: None if score is None else round(score, 4) for name, score in asdict(self).items()}
        return {"overall": self.overall, **rounded}


def read_scores(described: Mapping[str, float | None]) -> Scores:
    """The scores that `describe` wrote, to four decimals."""
    found = {name: described[name] for name in WEIGHTS}
    grounding = found.pop("grounding")
    rest = {name: float(score or 0.0) for name, score in found.items()}
    return Scores(grounding=None if grounding is None else float(grounding), **rest)


def score_reply(reply: Reply, sentences: str, fewest: int = 1) -> Scores:
    """Score a reply about an annotation, of which the kind wants at least `fewest` pairs."""
    kept = len(reply.pairs)
    refused = [each for each in reply.rejections if each.pair is not None]
    unread = sum(each.pair is None and each.reason not in _ABOUT_COUNTS for each in reply.rejections)
    read = kept + len(refused)
    if not read:
        return Scores(0.0, 0.0, 0.0, 0.0, 0.0, None, 0.0, 0.0)
    leaking = sum(each.reason in _LEAKS for each in refused) + sum(map(_speaks_of_source, reply.pairs))
    broken = sum(each.reason not in _LEAKS for each in refused) + reply.flagged
    return Scores(
        parses=read / (read + unread),
        pairs=min(1.0, kept / max(1, fewest)),
        length=sum(map(_is_of_natural_length, reply.pairs)) / kept if kept else 0.0,
        diversity=measure_diversity([pair.instruction for pair in reply.pairs]) if kept else 0.0,
        relevance=measure_relevance(reply.pairs, sentences),
        grounding=reply.grounding,
        rules=max(0.0, 1 - broken / read),
        leaks=1 - leaking / read,
    )


def measure_relevance(pairs: Sequence[Pair], sentences: str) -> float:
    """The share of the annotation's words that come up in the reply, or of the responses' words that stand in the
    annotation, whichever is larger: a long annotation is not told in a few pairs, a short one in fewer words.
    """
    noted = set(list_terms(sentences))
    said = {term for pair in pairs for term in list_terms(pair.response)}
    fewer = min(len(noted), len(said))
    return len(noted & said) / fewer if fewer else 0.0


def measure_grounding(verdicts: Sequence[Sequence[Verdict]]) -> float | None:
    """The share of the claims that could be decided which the annotation supports; None where none could."""
    standings = [verdict.standing for of_pair in verdicts for verdict in of_pair]
    supported, contradicted = standings.count(Standing.SUPPORTED), standings.count(Standing.CONTRADICTED)
    decided = supported + contradicted
    return supported / decided if decided else None


def measure_diversity(questions: Sequence[str]) -> float:
    """One less the mean likeness of each question to the other most like it; 1 for a single one."""
    if len(questions) < 2:
        return 1.0
    rows = Likeness(questions).compare_all()
    nearest = [max(score for other, score in enumerate(row) if other != index) for index, row in enumerate(rows)]
    return max(0.0, 1 - sum(nearest) / len(nearest))


def mean_scores(scores: Sequence[Scores]) -> dict[str, float | None]:
    """The mean of each score over replies, as JSON; None where none has it."""
    described = [each.describe() for each in scores]
    means: dict[str, float | None] = {}
    for name in ("overall", *WEIGHTS):
        found = [value for each in described if (value := each[name]) is not None]
        means[name] = round(sum(found) / len(found), 4) if found else None
    return means


def _is_of_natural_length(pair: Pair) -> bool:
    instruction, response = len(pair.instruction.split()), len(pair.response.split())
    return (
        INSTRUCTION_WORDS[0] <= instruction <= INSTRUCTION_WORDS[1]
        and RESPONSE_WORDS[0] <= response <= RESPONSE_WORDS[1]
    )


def _speaks_of_source(pair: Pair) -> bool:
    return _SOURCE_WORD.search(pair.instruction) is not None or _SOURCE_WORD.search(pair.response) is not None
