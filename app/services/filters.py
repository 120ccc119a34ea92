"""Filters: the rules as a client sees them, and those of a job made ready for its replies."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import Fault
from app.pipeline.filtering import HOUSE, RULES_BY_CODE, FilterPlan, Rule, Severity, check_codes, plan_filters
from app.pipeline.filtering.policy import choose_severity
from app.pipeline.filtering.registry import GENERAL
from app.pipeline.filtering.repairs import REPAIRS
from app.services.kinds import get_kind_body, kind_of
from datasets.house_rules import HouseRule
from datasets.registry import KindInfo, find_kind, list_kinds

BASELINE_ONLY = plan_filters({"rules": dict.fromkeys((rule.code for rule in (*GENERAL, *REPAIRS)), "off")})
"""For replies that are no pairs about pictures: what a model says as a judge is neither mended nor marked."""

_NEEDS = {
    "banned_name": ["banned_names"],
    "banned_word": ["banned_words"],
    "wrong_length": ["instruction_words", "response_words"],
}


def plan_of_kind(kind: KindInfo, policy: Mapping[str, Any] | None = None) -> FilterPlan:
    """The rules of a job over a kind; `policy` was checked before."""
    policy = policy or {}
    borrowed = _borrow_rules(kind, policy.get("rules") or {})
    return plan_filters(policy, (*kind.house_rules, *borrowed), kind.filters)


def check_filters_of_kind(policy: Mapping[str, Any] | None, kind: KindInfo) -> list[Fault]:
    """A fault for each rule of a policy that there is not, neither here nor for any kind."""
    codes = (rule.code for each in (kind, *list_kinds()) for rule in each.house_rules)
    return check_codes(policy, codes) if isinstance(policy, Mapping) else []


def list_rules(kind_name: str | None = None) -> list[dict[str, Any]]:
    """Every rule: as it comes, or for one kind; the general ones first. Raises InvalidRequestError for no kind."""
    if kind_name is not None:
        return list_rules_of_kind(kind_of(kind_name))
    kinds = list_kinds()
    shown = [_show(rule, _default(rule, {}), _kinds_of(rule, kinds)) for rule in RULES_BY_CODE.values()]
    houses: dict[str, tuple[HouseRule, list[str]]] = {}
    for kind in kinds:
        for house in kind.house_rules:
            _, names = houses.setdefault(house.code, (house, []))
            if kind.name not in names:
                names.append(kind.name)
    return shown + [_show_house(rule, Severity.OFF, {"reject": names}) for rule, names in houses.values()]


def list_rules_of_kind(kind: KindInfo) -> list[dict[str, Any]]:
    """Every general rule and the house rules of a kind, each with what it does to the kind's pairs by default."""
    shown = [_show(rule, _default(rule, kind.filters)) for rule in RULES_BY_CODE.values()]
    houses = {rule.code: rule for rule in reversed(kind.house_rules)}
    return shown + [_show_house(houses[code], Severity.REJECT) for code in reversed(houses)]


def describe_kind_fully(name: str) -> dict[str, Any]:
    """A kind with its prompt and what every rule does to its pairs; raises NotFoundError."""
    body = get_kind_body(name)
    return body | {"filters": list_rules_of_kind(find_kind(name))}


def _borrow_rules(kind: KindInfo, ordered: Mapping[str, str]) -> Iterable[HouseRule]:
    """House rules of other kinds that an order turns on, as the first kind by name has them."""
    own = {rule.code for rule in kind.house_rules}
    for code, severity in ordered.items():
        if code in own or code in RULES_BY_CODE or severity == Severity.OFF:
            continue
        lender = next((each for each in list_kinds() if any(rule.code == code for rule in each.house_rules)), None)
        if lender is not None:
            yield from (rule for rule in lender.house_rules if rule.code == code)


def _default(rule: Rule, of_kind: Mapping[str, str]) -> Severity:
    return choose_severity(rule, {}, of_kind)


def _kinds_of(rule: Rule, kinds: Iterable[KindInfo]) -> dict[str, list[str]]:
    """The kinds that have it otherwise than by default, by severity."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        severity = _default(rule, kind.filters)
        if severity is not _default(rule, {}):
            found.setdefault(severity.value, []).append(kind.name)
    return found


def _show(rule: Rule, default: Severity, kinds: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": rule.code,
        "object": "filter_rule",
        "family": rule.family,
        "version": rule.version,
        "description": rule.description,
        "scope": rule.scope,
        "severity": rule.severity.value,
        "default": default.value,
        "severities": [severity.value for severity in rule.severities],
        "needs": _NEEDS.get(rule.code, []),
    }
    return shown if kinds is None else shown | {"kinds": dict(kinds)}


def _show_house(rule: HouseRule, default: Severity, kinds: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    adopted = Rule(rule.code, HOUSE, rule.message, lambda _, __: "", Severity.REJECT)
    return _show(adopted, default, kinds)
