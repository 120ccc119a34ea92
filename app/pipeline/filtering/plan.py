"""A job's rules, made ready once and used for every reply."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.pipeline.filtering.baseline import BASELINE
from app.pipeline.filtering.policy import choose_severity, read_options
from app.pipeline.filtering.registry import GENERAL, JOB_RULES, adopt_house_rules
from app.pipeline.filtering.repairs import REPAIRS
from app.pipeline.filtering.rules import DEFAULTS, HouseRule, Options, ReplyText, Rule, Severity
from app.pipeline.values import Prompt

_NEEDED_OPTIONS = {"banned_name": "names", "banned_word": "words"}
_COMPARES_QUESTIONS = "similar_question"


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """Those that a reply may break, by what they do, each in order."""

    mending: tuple[Rule, ...]
    refusing: tuple[Rule, ...]
    flagging: tuple[Rule, ...]
    compares_questions: bool


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """Rules by what they do, each in order, and what the order says beside.

    job_rules: the severity of those that compare all pairs of the job at its end, where they are on
    """

    mending: tuple[Rule, ...] = ()
    refusing: tuple[Rule, ...] = ()
    flagging: tuple[Rule, ...] = ()
    options: Options = DEFAULTS
    job_rules: Mapping[str, Severity] = field(default_factory=dict)

    @property
    def compares_questions(self) -> bool:
        return any(rule.code == _COMPARES_QUESTIONS for rule in (*self.refusing, *self.flagging))

    def choose(self, reply: ReplyText, prompt: Prompt) -> ChosenRules:
        """The rules that any pair of a reply may break."""
        return ChosenRules(
            tuple([rule for rule in self.mending if rule.may_concern(reply, prompt)]),
            tuple([rule for rule in self.refusing if rule.may_concern(reply, prompt)]),
            tuple([rule for rule in self.flagging if rule.may_concern(reply, prompt)]),
            self.compares_questions,
        )


def plan_filters(
    policy: Mapping[str, Any] | None = None,
    house_rules: Iterable[HouseRule] = (),
    of_kind: Mapping[str, str] | None = None,
) -> FilterPlan:
    """The rules of a job: its policy (checked before), its kind's house rules and the severities its kind sets."""
    policy = policy or {}
    ordered, of_kind = policy.get("rules") or {}, of_kind or {}
    options = read_options(policy)
    by_severity: dict[Severity, list[Rule]] = {severity: [] for severity in Severity}
    for rule in (*REPAIRS, *BASELINE, *adopt_house_rules(house_rules), *GENERAL):
        if rule.scope == "pair" and _has_what_it_needs(rule, options):
            by_severity[choose_severity(rule, ordered, of_kind)].append(rule)
    job_rules = {
        rule.code: severity
        for rule in GENERAL
        if rule.code in JOB_RULES and (severity := choose_severity(rule, ordered, of_kind)) is not Severity.OFF
    }
    return FilterPlan(
        tuple(by_severity[Severity.REPAIR]),
        tuple(by_severity[Severity.REJECT]),
        tuple(by_severity[Severity.FLAG]),
        options,
        job_rules,
    )


def _has_what_it_needs(rule: Rule, options: Options) -> bool:
    """Whether a rule can find anything at all."""
    if rule.code == "wrong_length":
        return options.instruction_words is not None or options.response_words is not None
    needed = _NEEDED_OPTIONS.get(rule.code)
    return needed is None or getattr(options, needed) is not None
