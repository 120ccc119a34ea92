"""The sampling parameters a job may set: their types, ranges and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any

from app.errors import Fault

DEFAULT_PARAMETERS: Mapping[str, Any] = {
    "temperature": 0.7,
    "max_tokens": 3200,
    "top_p": 0.95,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}

_MOST_STOPS = 4
_LONGEST_WORD = 256


@dataclass(frozen=True, slots=True)
class Rule:
    """What one parameter may be: a kind of value and, for numbers, an inclusive range."""

    kind: str  # "number", "integer", "word", "boolean", "stop" or "logit_bias"
    least: float = 0
    most: float = 0
    words: tuple[str, ...] = ()


PARAMETERS: Mapping[str, Rule] = {
    "temperature": Rule("number", 0, 2),
    "max_tokens": Rule("integer", 1, 131_072),
    "max_completion_tokens": Rule("integer", 1, 131_072),
    "top_p": Rule("number", 0, 1),
    "top_k": Rule("integer", -1, 1_000_000),
    "min_p": Rule("number", 0, 1),
    "frequency_penalty": Rule("number", -2, 2),
    "presence_penalty": Rule("number", -2, 2),
    "repetition_penalty": Rule("number", 0.01, 10),
    "seed": Rule("integer", -(2**63), 2**63 - 1),
    "stop": Rule("stop"),
    "logit_bias": Rule("logit_bias"),
    "reasoning_effort": Rule("word", words=("none", "minimal", "low", "medium", "high", "xhigh")),
    "verbosity": Rule("word", words=("low", "medium", "high")),
    "service_tier": Rule("word", words=("auto", "default", "flex", "priority")),
    "user": Rule("word"),
}


def check_parameters(parameters: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a job's parameters, each fault with its JSON pointer; empty when all is well.

    null takes a default out of the request, for endpoints that refuse the parameter.
    """
    faults = []
    for name, value in parameters.items():
        pointer = f"/parameters/{name.replace('~', '~0').replace('/', '~1')}"
        rule = PARAMETERS.get(name)
        if rule is None:
            faults.append(Fault(pointer, "unknown_parameter", _describe_unknown(name)))
        elif value is not None and (wish := _find_fault(rule, value)):
            faults.append(Fault(pointer, "invalid_parameter", f"{name} must be {wish}."))
    if parameters.get("max_tokens") is not None and parameters.get("max_completion_tokens") is not None:
        message = "Give either max_tokens or max_completion_tokens."
        faults.append(Fault("/parameters/max_completion_tokens", "conflicting_parameter", message))
    return faults


def settle_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters a request carries: the defaults, overridden; null removes one, and the newer name of
    max_tokens takes its place."""
    settled = {**DEFAULT_PARAMETERS, **parameters}
    if settled.get("max_completion_tokens") is not None and parameters.get("max_tokens") is None:
        settled["max_tokens"] = None
    return {name: value for name, value in settled.items() if value is not None}


def max_tokens_of(parameters: Mapping[str, Any]) -> int:
    """The most completion tokens a request with these parameters can be billed for."""
    settled = settle_parameters(parameters)
    return int(settled.get("max_tokens") or settled.get("max_completion_tokens") or PARAMETERS["max_tokens"].most)


def _describe_unknown(name: str) -> str:
    near = get_close_matches(name[:64], PARAMETERS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known are: {', '.join(sorted(PARAMETERS))}."
    return f"There is no parameter {name[:64]!r}.{hint}"


def _find_fault(rule: Rule, value: Any) -> str | None:
    """What the value should have been, or None when it is that."""
    if rule.kind in ("number", "integer"):
        return _find_number_fault(rule, value)
    if rule.kind == "word":
        return _find_word_fault(rule, value)
    if rule.kind == "stop":
        stops = [value] if isinstance(value, str) else value
        fits = isinstance(stops, list) and 0 < len(stops) <= _MOST_STOPS and all(_is_word(stop) for stop in stops)
        return None if fits else f"a text, or a list of 1 to {_MOST_STOPS} texts"
    fits = isinstance(value, dict) and all(
        isinstance(token, str) and token.isdecimal() and _is_number(bias) and -100 <= bias <= 100
        for token, bias in value.items()
    )
    return None if fits else "an object of token ids with numbers from -100 to 100"


def _find_number_fault(rule: Rule, value: Any) -> str | None:
    whole = rule.kind == "integer"
    if _is_number(value) and rule.least <= value <= rule.most and not (whole and not isinstance(value, int)):
        return None
    noun = "an integer" if whole else "a number"
    least, most = (f"{bound:g}" if abs(bound) < 1e6 else str(bound) for bound in (rule.least, rule.most))
    return f"{noun} from {least} to {most}"


def _find_word_fault(rule: Rule, value: Any) -> str | None:
    if rule.words:
        return None if value in rule.words else f"one of {', '.join(rule.words)}"
    return None if _is_word(value) else f"a text of 1 to {_LONGEST_WORD} characters"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
