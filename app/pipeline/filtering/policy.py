"""The `filters` policy of an order: which rules look, what they do, and the lists and bounds that some of them need."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from app.errors import Fault
from app.pipeline.filtering.registry import RULES_BY_CODE
from app.pipeline.filtering.rules import Options, Rule, Severity
from app.pipeline.filtering.shingles import LEAST_SIMILARITY
from app.pipeline.filtering.toxic import compile_phrases

POLICY = "filters"
FIELDS = ("rules", "banned_names", "banned_words", "instruction_words", "response_words", "similarity")
ON = "on"
MOST_PHRASES, LONGEST_PHRASE = 1_000, 100
MOST_WORDS = 10_000


def check_filters(value: Any) -> list[Fault]:
    """What is wrong with a policy by itself, a fault each; whether a rule is one of the kind's is asked elsewhere."""
    if not isinstance(value, Mapping):
        return [Fault(f"/{POLICY}", "wrong_type", 'Give an object, e.g. {"rules": {"url": "off"}}.')]
    known = ", ".join(FIELDS)
    faults = [
        Fault(f"/{POLICY}/{name}", "unknown_field", f"There is no {name!r} here; known: {known}.")
        for name in value
        if name not in FIELDS
    ]
    faults += _check_severities(value.get("rules", {}))
    faults += _check_phrases(value.get("banned_names", []), f"/{POLICY}/banned_names")
    faults += _check_phrases(value.get("banned_words", []), f"/{POLICY}/banned_words")
    for name in ("instruction_words", "response_words"):
        faults += _check_bounds(value.get(name), f"/{POLICY}/{name}")
    likeness = value.get("similarity")
    if likeness is not None and not (_is_number(likeness) and LEAST_SIMILARITY <= likeness <= 1):
        faults.append(Fault(f"/{POLICY}/similarity", "out_of_range", f"Give a number from {LEAST_SIMILARITY} to 1."))
    return faults


def check_codes(policy: Mapping[str, Any], house_codes: Iterable[str]) -> list[Fault]:
    """A fault for each rule that is neither general nor a house rule of these."""
    known = sorted({*RULES_BY_CODE, *house_codes})
    faults = []
    for code in policy.get("rules") or {}:
        if code not in known:
            near = get_close_matches(code, known, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            message = f"There is no rule {code!r} for this kind. {hint}GET /v1/filters lists the rules."
            faults.append(Fault(f"/{POLICY}/rules/{code}", "unknown_rule", message))
    return faults


def read_options(policy: Mapping[str, Any]) -> Options:
    """Lists and bounds of a policy that was checked."""
    return Options(
        names=compile_phrases(policy.get("banned_names") or (), is_case_kept=True),
        words=compile_phrases(policy.get("banned_words") or ()),
        instruction_words=_read_bounds(policy.get("instruction_words")),
        response_words=_read_bounds(policy.get("response_words")),
        similarity=float(policy.get("similarity") or Options().similarity),
    )


def choose_severity(rule: Rule, ordered: Mapping[str, str], of_kind: Mapping[str, str]) -> Severity:
    """What a rule does: as ordered, else as its kind has it, else as it comes."""
    said = ordered.get(rule.code) or of_kind.get(rule.code)
    if said != ON and said not in rule.severities:  # a kind of somebody else may say anything
        return rule.severity if rule.is_on else Severity.OFF
    return rule.severity if said == ON else Severity(said)


def _check_severities(rules: Any) -> list[Fault]:
    pointer = f"/{POLICY}/rules"
    if not isinstance(rules, Mapping):
        return [Fault(pointer, "wrong_type", 'Give severities by rule, e.g. {"url": "off", "refusal": "flag"}.')]
    faults = []
    for code, severity in rules.items():
        rule = RULES_BY_CODE.get(code)
        allowed = [*(rule.severities if rule else (Severity.REJECT, Severity.FLAG, Severity.OFF)), ON]
        if severity not in allowed:
            message = f"{severity!r} is nothing that {code!r} can do; give one of {', '.join(allowed)}."
            faults.append(Fault(f"{pointer}/{code}", "unknown_severity", message))
    return faults


def _check_phrases(phrases: Any, pointer: str) -> list[Fault]:
    if not isinstance(phrases, list):
        return [Fault(pointer, "wrong_type", 'Give a list of texts, e.g. ["Sheldon", "Penny"].')]
    if len(phrases) > MOST_PHRASES:
        return [Fault(pointer, "too_many", f"{len(phrases)} are given; give at most {MOST_PHRASES}.")]
    return [
        Fault(f"{pointer}/{index}", "invalid_phrase", f"Give a text of 1 to {LONGEST_PHRASE} characters.")
        for index, phrase in enumerate(phrases)
        if not (isinstance(phrase, str) and phrase.strip() and len(phrase) <= LONGEST_PHRASE)
    ]


def _check_bounds(bounds: Any, pointer: str) -> list[Fault]:
    if bounds is None:
        return []
    if (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
        and 0 <= bounds[0] <= bounds[1] <= MOST_WORDS
        and bounds[1] > 0
    ):
        return []
    message = f"Give the fewest and the most words as two whole numbers up to {MOST_WORDS}, e.g. [4, 60]."
    return [Fault(pointer, "invalid_bounds", message)]


def _read_bounds(bounds: Any) -> tuple[int, int] | None:
    return (bounds[0], bounds[1]) if bounds else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
