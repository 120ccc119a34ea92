"""What a job does about pairs whose claims are contradicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from app.errors import Fault
from app.pipeline.grounding.claims import CLAIM_CLASSES

Action = Literal["off", "flag", "reject", "repair"]
Fallback = Literal["flag", "reject"]

_FIELDS = ("policy", "then", "classes")


@dataclass(frozen=True, slots=True)
class GroundingPolicy:
    """policy: what is done; then: what is done about what is wrong still after a repair; classes: what is checked."""

    policy: Action = "off"
    then: Fallback = "flag"
    classes: frozenset[str] = frozenset(CLAIM_CLASSES)

    @property
    def last_action(self) -> Fallback:
        """What is done about a pair that is not asked for again."""
        return "reject" if self.policy == "reject" or (self.policy == "repair" and self.then == "reject") else "flag"


OFF = GroundingPolicy()


def check_grounding(value: Any) -> list[Fault]:
    """What is wrong with the `grounding` of an order; the pointers begin with `/grounding`."""
    if not isinstance(value, Mapping):
        return [Fault("/grounding", "wrong_type", 'Send an object, such as {"policy": "flag"}.')]
    faults = [
        Fault(f"/grounding/{name}", "unknown_field", f"There is no {name!r} here; known: {', '.join(_FIELDS)}.")
        for name in value
        if name not in _FIELDS
    ]
    for name, choices, given in (
        ("policy", get_args(Action), value.get("policy")),
        ("then", get_args(Fallback), value.get("then", "flag")),
    ):
        if given not in choices:
            faults.append(Fault(f"/grounding/{name}", "unknown_value", f"Send one of: {', '.join(choices)}."))
    classes = value.get("classes", [])
    if not isinstance(classes, list | tuple):
        return [*faults, Fault("/grounding/classes", "wrong_type", f"Send a list of: {', '.join(CLAIM_CLASSES)}.")]
    faults += [
        Fault(f"/grounding/classes/{place}", "unknown_value", f"Send any of: {', '.join(CLAIM_CLASSES)}.")
        for place, name in enumerate(classes)
        if name not in CLAIM_CLASSES
    ]
    return faults


def read_grounding(value: Any) -> GroundingPolicy:
    """The policy of an order that has passed `check_grounding`; off where it names none."""
    if not value:
        return OFF
    classes = frozenset(value.get("classes") or CLAIM_CLASSES)
    return GroundingPolicy(
        cast("Action", value.get("policy", "off")), cast("Fallback", value.get("then", "flag")), classes
    )
