"""The rules a pair must pass to be kept; each has a name, and what it refuses keeps its reason and its text.

    rules.py      what a rule is          registry.py   all of them by name
    policy.py     what an order says      plan.py       both made ready for a job
    judging.py    the rules at work       shingles.py   how alike two questions are

The other modules have a family of rules each.
"""

from app.pipeline.filtering.baseline import RULES
from app.pipeline.filtering.judging import FilterResult, filter_pairs, filter_reply
from app.pipeline.filtering.plan import FilterPlan, plan_filters
from app.pipeline.filtering.policy import check_codes, check_filters
from app.pipeline.filtering.registry import HOUSE, JOB_RULES, RULES_BY_CODE
from app.pipeline.filtering.rules import Candidate, HouseRule, ReplyContext, Rule, Severity
from app.pipeline.prompt_leaks import find_overlap

__all__ = [
    "FILTER_VERSION",
    "HOUSE",
    "JOB_RULES",
    "RULES",
    "RULES_BY_CODE",
    "Candidate",
    "FilterPlan",
    "FilterResult",
    "HouseRule",
    "ReplyContext",
    "Rule",
    "Severity",
    "check_codes",
    "check_filters",
    "filter_pairs",
    "filter_reply",
    "find_overlap",
    "plan_filters",
]

FILTER_VERSION = "5"
"""Changes whenever a rule changes its mind about any pair, so that a rerun can tell old verdicts from new."""
