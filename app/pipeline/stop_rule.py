"""When a cold start is done: a rule that a person can read and set, and what is still missing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.errors import Fault

MOST_EXAMPLES = 50


@dataclass(frozen=True, slots=True)
class StopRule:
    """What must hold before a prompt is frozen; None asks for nothing.

    examples: at least so many accepted ones
    coverage: the share of the clusters of items that have an accepted example
    held_out_score: the mean score of the newest round on the items held out
    improvement: how much that mean may still have moved since the round before
    """

    examples: int = 4
    coverage: float = 0.75
    held_out_score: float | None = 0.8
    improvement: float | None = 0.05

    def describe(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a cold start stands.

    scores: by round the mean score on the items held out, None for a round that has none (yet)
    able: how many items can give an example, None where that is not known
    is_measured: whether the newest round asked with the present system message
    """

    examples: int
    clusters: int
    covered: int
    scores: tuple[float | None, ...]
    is_running: bool = False
    is_measured: bool = True
    able: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is asked for: what was wanted and found, and how to get there where it does not hold."""

    code: str
    is_met: bool
    wanted: float | None
    found: float | None
    message: str

    def describe(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "met": self.is_met,
            "wanted": self.wanted,
            "found": self.found,
            "message": self.message,
        }


def read_stop_rule(given: Mapping[str, Any], pointer: str = "/stop_rule") -> tuple[StopRule, list[Fault]]:
    """The rule with defaults for what is not given, and a fault for each value that makes no sense."""
    rule = StopRule(**{name: value for name, value in given.items() if name in StopRule.__slots__})
    faults = [
        Fault(f"{pointer}/{name}", "unknown_field", f"A stop rule has {', '.join(StopRule.__slots__)}.")
        for name in given
        if name not in StopRule.__slots__
    ]
    if not _is_number(rule.examples, 1, MOST_EXAMPLES) or not isinstance(rule.examples, int):
        faults.append(Fault(f"{pointer}/examples", "out_of_range", f"Give a whole number from 1 to {MOST_EXAMPLES}."))
    if not _is_number(rule.coverage, 0, 1):
        faults.append(Fault(f"{pointer}/coverage", "out_of_range", "Give a share from 0 to 1."))
    for name, value in (("held_out_score", rule.held_out_score), ("improvement", rule.improvement)):
        if value is not None and not _is_number(value, 0, 1):
            faults.append(Fault(f"{pointer}/{name}", "out_of_range", "Give a number from 0 to 1, or null."))
    return rule, faults


def weigh_conditions(rule: StopRule, standing: Standing) -> tuple[Condition, ...]:
    """Every condition of the rule, met or not; the prompt may be frozen when all are met."""
    return tuple(
        condition
        for condition in (
            _weigh_round(standing),
            _weigh_examples(rule, standing),
            _weigh_coverage(rule, standing),
            _weigh_score(rule, standing),
            _weigh_improvement(rule, standing),
        )
        if condition is not None
    )


def _weigh_round(standing: Standing) -> Condition:
    rounds = len(standing.scores)
    if not rounds:
        message = "No round was run yet; POST …/generate runs the first."
    elif standing.is_running:
        message = f"Round {rounds} is not done; wait for its job, or cancel it."
    elif not standing.is_measured:
        message = f"The system message has changed since round {rounds}; run a round with it."
    else:
        message = f"Round {rounds} is done and asked with the present system message."
    is_met = bool(rounds) and standing.is_measured and not standing.is_running
    return Condition("round", is_met, 1, float(rounds), message)


def _weigh_examples(rule: StopRule, standing: Standing) -> Condition:
    message = f"{standing.examples} of at least {rule.examples} examples are accepted."
    if standing.able is not None and standing.able < rule.examples:
        able = f"only {standing.able} item{'' if standing.able == 1 else 's'} can give one"
        message += f" That cannot be met, since {able}: let the stop rule ask for fewer, or begin with more items."
    return Condition("examples", standing.examples >= rule.examples, rule.examples, standing.examples, message)


def _weigh_coverage(rule: StopRule, standing: Standing) -> Condition:
    share = standing.covered / standing.clusters if standing.clusters else 0.0
    message = (
        f"{standing.covered} of {standing.clusters} clusters of items have an accepted example "
        f"({share:.2f} of at least {rule.coverage:.2f})."
    )
    return Condition("coverage", share >= rule.coverage, rule.coverage, round(share, 4), message)


def _weigh_score(rule: StopRule, standing: Standing) -> Condition | None:
    if rule.held_out_score is None:
        return None
    score = standing.scores[-1] if standing.scores else None
    if score is None:
        message = "No score on the items held out yet."
        return Condition("held_out_score", False, rule.held_out_score, None, message)
    message = f"The mean score on the items held out is {score:.3f}; at least {rule.held_out_score:.3f} is asked for."
    return Condition("held_out_score", score >= rule.held_out_score, rule.held_out_score, score, message)


def _weigh_improvement(rule: StopRule, standing: Standing) -> Condition | None:
    """A score that fell has not settled either: the round before was the better one."""
    if rule.improvement is None:
        return None
    measured = [score for score in standing.scores if score is not None]
    if len(measured) < 2 or standing.scores[-1] is None:
        message = "There are not two rounds to compare; run another one."
        return Condition("improvement", False, rule.improvement, None, message)
    change = round(measured[-1] - measured[-2], 4)
    verb = "rose" if change >= 0 else "fell"
    message = (
        f"The mean score on the items held out {verb} by {abs(change):.3f} since the round before; "
        f"it has settled at {rule.improvement:.3f} or less."
    )
    return Condition("improvement", abs(change) <= rule.improvement, rule.improvement, change, message)


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
