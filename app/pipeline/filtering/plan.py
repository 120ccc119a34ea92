"""A job's rules, made ready once and used for every reply."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.pipeline.filtering.baseline import BASELINE
from app.pipeline.filtering.policy import choose_severity, read_options
from app.pipeline.filtering.registry import GENERAL, JOB_RULES, adopt_house_rules
from app.pipeline.filtering.repairs import REPAIRS
from app.pipeline.filtering.rules import DEFAULTS, Gate, HouseRule, Options, ReplyText, Rule, Severity
from app.pipeline.values import Prompt

_NEEDED_OPTIONS = {"banned_name": "names", "banned_word": "words"}
_REMEMBERS, _COMPARES_QUESTIONS = "duplicate", "similar_question"


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """Those that a reply may break, by what they do, each in order.

    remembers: whether any of them looks at pairs that were kept before; compares_questions: by their shingles
    """

    refusing: tuple[Rule, ...]
    flagging: tuple[Rule, ...]
    remembers: bool
    compares_questions: bool


class Screen:
    """Rules in order, and a cheap look at a whole reply that says which of them any pair of it may break.

    It says of each what `Rule.may_concern` says; looking for what all of them need at once is several times faster.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._always: list[int] = []
        self._gated: list[tuple[int, Gate]] = []
        by_literal: dict[str, list[int]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for place, rule in enumerate(self._rules):
            if not (rule.words or rule.literals or rule.gate):
                self._always.append(place)
            if rule.gate:
                self._gated.append((place, rule.gate))
            for literal in rule.literals:
                by_literal[literal].append(place)
            for word in rule.words:
                self._by_word[word].append(place)
        self._by_literal = tuple(by_literal.items())
        self._words = frozenset(self._by_word)

    def choose(self, reply: ReplyText, prompt: Prompt) -> tuple[Rule, ...]:
        """The rules that any pair of the reply may break, in order."""
        folded = reply.folded
        places = {*self._always, *[place for place, gate in self._gated if gate(reply, prompt)]}
        for found in [found for literal, found in self._by_literal if literal in folded]:
            places.update(found)
        for word in self._words & reply.words:
            places.update(self._by_word[word])
        return tuple([self._rules[place] for place in sorted(places)])


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
    _screens: tuple[Screen, Screen, Screen] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        screens = Screen(self.mending), Screen(self.refusing), Screen(self.flagging)
        object.__setattr__(self, "_screens", screens)

    def choose_repairs(self, reply: ReplyText, prompt: Prompt) -> tuple[Rule, ...]:
        """The repairs that may change any pair of a reply."""
        return self._screens[0].choose(reply, prompt)

    def choose(self, reply: ReplyText, prompt: Prompt) -> ChosenRules:
        """The rules that any pair of a reply may break, once that is repaired."""
        refusing, flagging = self._screens[1].choose(reply, prompt), self._screens[2].choose(reply, prompt)
        codes = {rule.code for rule in (*refusing, *flagging)}
        return ChosenRules(refusing, flagging, _REMEMBERS in codes, _COMPARES_QUESTIONS in codes)


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
