"""All rules by name, in the order in which they look at a pair; the house rules of a kind follow the baseline."""

from collections.abc import Iterable

from app.pipeline.filtering.answers import ANSWERS
from app.pipeline.filtering.baseline import BASELINE
from app.pipeline.filtering.lengths import LENGTHS
from app.pipeline.filtering.markup import MARKUP
from app.pipeline.filtering.people import PEOPLE
from app.pipeline.filtering.private import PRIVATE
from app.pipeline.filtering.repairs import REPAIRS
from app.pipeline.filtering.repeats import IN_IMAGE, IN_JOB, REPEATS
from app.pipeline.filtering.rules import Candidate, Find, HouseRule, ReplyContext, Rule, Severity
from app.pipeline.filtering.shapes import SHAPES
from app.pipeline.filtering.times import TIMES
from app.pipeline.filtering.toxic import TOXIC

GENERAL: tuple[Rule, ...] = (*SHAPES, *LENGTHS, *ANSWERS, *PEOPLE, *TIMES, *PRIVATE, *TOXIC, *MARKUP, *REPEATS)
"""What looks at pairs of any kind, after the baseline and the house rules."""

RULES_BY_CODE: dict[str, Rule] = {rule.code: rule for rule in (*REPAIRS, *BASELINE, *GENERAL)}
JOB_RULES = (IN_IMAGE, IN_JOB)
"""Those that compare all pairs of a job at its end."""

HOUSE = "house"
_HOUSE_VERSION = 2
"""Of the house rules together: it rises whenever one of them changes its mind."""


def adopt_house_rules(rules: Iterable[HouseRule]) -> list[Rule]:
    """The rules of a kind as rules of the registry, on where the kind is; two of a name stay two."""
    return [
        Rule(rule.code, HOUSE, rule.message, _find_violation(rule), Severity.REJECT, version=_HOUSE_VERSION)
        for rule in rules
    ]


def _find_violation(rule: HouseRule) -> Find:
    violates, message, round_number = rule.violates, rule.message, rule.round_number

    def find(candidate: Candidate, _: ReplyContext) -> str:
        if round_number is not None and round_number != candidate.round_number:
            return ""
        return message if violates(candidate.pair.instruction, candidate.pair.response) else ""

    return find
