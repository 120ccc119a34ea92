"""What a judge and the rules say of the same pairs, counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.pipeline.agreement import Verdicts as Opinions
from app.pipeline.agreement import measure_agreement
from app.pipeline.grounding.checking import is_contradicted
from app.pipeline.grounding.claims import CLAIM_CLASSES, Standing, Verdict
from app.pipeline.grounding.judging import LEAST_GROUNDED, PosedItem, read_entries, read_scores

_WRONG, _HOLDS = "wrong", "holds"


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An item with the judge's reply about it (None where none came) and the rules' verdicts on each of its pairs."""

    posed: PosedItem
    reply: str | None
    verdicts: tuple[tuple[Verdict, ...], ...]


@dataclass(slots=True)
class Judged:
    """Counts over the pairs that were posed.

    unjudged: pairs without a score; unusable: what replies held beyond one score for each pair that was asked about
    agreement: pairs by (what the rules say, what the judge says), each `holds` or `wrong`; by_class: the same of the
    pairs with a claim of the class that the rules could decide, where the rules speak of that class alone
    disputed: the ids of pairs on which they differ, in order
    """

    items: int = 0
    pairs: int = 0
    unjudged: int = 0
    unusable: int = 0
    scores: Counter[int] = field(default_factory=Counter)
    agreement: Counter[Opinions] = field(default_factory=Counter)
    by_class: dict[str, Counter[Opinions]] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """The counts as JSON, in ids and numbers."""
        return {
            "items": self.items,
            "pairs": self.pairs,
            "unjudged": self.unjudged,
            "unusable_scores": self.unusable,
            "scores": {str(score): n for score, n in sorted(self.scores.items())},
            "agreement": _describe(self.agreement),
            "agreement_by_class": {name: _describe(self.by_class[name]) for name in sorted(self.by_class)},
            "disputed": self.disputed,
        }


def count_judged(items: Iterable[JudgedItem]) -> Judged:
    """Hold the scores of a judge against the rules, pair by pair."""
    judged = Judged()
    for item in items:
        judged.items += 1
        names = {posed.name for posed in item.posed.pairs}
        scores = {} if item.reply is None else read_scores(item.reply, names)
        judged.unusable += 0 if item.reply is None else len(read_entries(item.reply)) - len(scores)
        for posed, verdicts in zip(item.posed.pairs, item.verdicts, strict=True):
            judged.pairs += 1
            if posed.name in scores:
                _count_pair(judged, posed.name, scores[posed.name], verdicts)
            else:
                judged.unjudged += 1
    judged.disputed.sort()
    return judged


def _count_pair(judged: Judged, name: str, score: int, verdicts: Sequence[Verdict]) -> None:
    said = _WRONG if score < LEAST_GROUNDED else _HOLDS
    rules = _WRONG if is_contradicted(verdicts) else _HOLDS
    judged.scores[score] += 1
    judged.agreement[rules, said] += 1
    if rules != said:
        judged.disputed.append(name)
    for claim_class in CLAIM_CLASSES:
        decided = [each for each in verdicts if each.claim_class == claim_class and each.standing != Standing.UNKNOWN]
        if decided:
            of_class = _WRONG if is_contradicted(decided) else _HOLDS
            judged.by_class.setdefault(claim_class, Counter())[of_class, said] += 1


def _describe(counts: Mapping[Opinions, int]) -> dict[str, Any]:
    measured = measure_agreement(counts)
    return {
        "pairs": measured.pairs,
        "observed": measured.observed,
        "expected": measured.expected,
        "kappa": measured.kappa,
        "rules_and_judge": {f"{rules}/{judge}": n for (rules, judge), n in sorted(counts.items())},
    }
