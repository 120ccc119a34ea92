"""What was read and what is wrong with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PROBLEMS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which file, where in it (`line 3`, `row 7`, a key; empty for the whole), and what."""

    code: str
    file: str
    place: str
    message: str


@dataclass(slots=True)
class Certificate:
    """entries: rows by file; links, images: how many were followed and decoded; faults: how many of each code.

    `problems` has the first faults in words.
    """

    entries: dict[str, int] = field(default_factory=dict)
    links: int = 0
    images: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        return not self.faults

    def note(self, code: str, file: str, place: str, message: str) -> None:
        """Count a fault, and keep it in words while there is room."""
        self.faults[code] += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(Problem(code, file, place, message))

    def describe(self) -> dict[str, Any]:
        """The certificate as JSON."""
        return {
            "valid": self.is_valid,
            "entries": self.entries,
            "links": self.links,
            "images": self.images,
            "faults": dict(sorted(self.faults.items())),
            "problems": [
                {"code": problem.code, "file": problem.file, "at": problem.place, "message": problem.message}
                for problem in self.problems
            ],
        }
