"""What an order says about in-context examples: how many of a prompt's are shown, and by which rule they are chosen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.errors import Fault

MODES = ("fixed", "random", "nearest", "coverage")
DEFAULT_K = 4
MOST_EXAMPLES = 1_000
MOST_TOKENS = 10_000_000
LARGEST_SEED = 2**63 - 1

_BOUNDS: dict[str, tuple[int, int]] = {
    "k": (0, MOST_EXAMPLES),
    "max_tokens": (1, MOST_TOKENS),
    "seed": (0, LARGEST_SEED),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """How examples are chosen.

    mode: `fixed` takes them in the prompt's order, `random` draws them by seed and annotation, `nearest` takes those
        whose annotations read most alike, `coverage` those that together show most of what the annotation speaks of
    k: at most so many; None is all of them where they are fixed, DEFAULT_K otherwise
    max_tokens: about what all that are shown may cost together; one that does not fit any more is passed over
    """

    mode: str = "fixed"
    k: int | None = None
    max_tokens: int | None = None
    seed: int = 0

    @property
    def most(self) -> int:
        """At most so many examples are shown."""
        if self.k is not None:
            return self.k
        return MOST_EXAMPLES if self.mode == "fixed" else DEFAULT_K

    @property
    def shows_all(self) -> bool:
        """Whether every example of the prompt is shown with every annotation."""
        return self.mode == "fixed" and self.k is None and self.max_tokens is None

    def describe(self) -> dict[str, Any]:
        """The settings as JSON; `read_selection` reads them again."""
        return asdict(self)


def check_selection(value: object, pointer: str = "/examples") -> list[Fault]:
    """What is wrong with the `examples` of an order, a fault each."""
    if not isinstance(value, Mapping):
        return [Fault(pointer, "wrong_type", 'Send an object such as {"mode": "coverage", "k": 4}.')]
    known = ("mode", *_BOUNDS)
    faults = [
        Fault(f"{pointer}/{name}", "unknown_field", f"There is {', '.join(known)}.")
        for name in value
        if name not in known
    ]
    if value.get("mode", MODES[0]) not in MODES:
        faults.append(Fault(f"{pointer}/mode", "unknown_value", f"Send one of: {', '.join(MODES)}."))
    for name, (least, most) in _BOUNDS.items():
        number = value.get(name)
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            faults.append(Fault(f"{pointer}/{name}", "out_of_range", f"Send a whole number from {least} to {most:,}."))
    return faults


def read_selection(value: Mapping[str, Any] | None) -> Selection:
    """The selection of an order that was checked; nothing said is every example, in the prompt's order."""
    return Selection(**{name: given for name, given in (value or {}).items() if given is not None})


def settle_selection(policies: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The policies of a job with its own seed where the order names none, so that what is shown can be told again."""
    settled = dict(policies)
    if settled.get("examples") is not None:
        settled["examples"] = {"seed": seed, **settled["examples"]}
    return settled
