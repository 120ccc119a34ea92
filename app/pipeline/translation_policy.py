"""A job's policy for translations: what becomes of those that keep failing, and how hard they are tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import Fault

FAILURE_CHOICES = ("reject", "flag")
MOST_ROUNDS = 10
_FIELDS = ("on_failure", "back_translation", "rounds")


@dataclass(frozen=True, slots=True)
class TranslationPolicy:
    """on_failure: what is still wrong after the last round is refused, or stored flagged where it is a translation

    back_translation: whether each translation is read back into English by a second call and compared
    rounds: replies about a pair before what is still refused stays so
    """

    on_failure: str = "reject"
    back_translation: bool = False
    rounds: int = 3


DEFAULT_POLICY = TranslationPolicy()


def read_translation_policy(value: Mapping[str, Any] | None) -> TranslationPolicy:
    """The policy of an order that `check_translation_policy` let pass."""
    return TranslationPolicy(**value) if value else DEFAULT_POLICY


def check_translation_policy(value: Any) -> list[Fault]:
    """What is wrong with the policy `translation` of an order."""
    if not isinstance(value, Mapping):
        return [Fault("/translation", "wrong_type", 'Give an object such as {"on_failure": "flag"}.')]
    faults = [
        Fault(f"/translation/{name}", "unknown_field", f"There is no {name!r} here; known: {', '.join(_FIELDS)}.")
        for name in value
        if name not in _FIELDS
    ]
    if value.get("on_failure", "reject") not in FAILURE_CHOICES:
        faults.append(Fault("/translation/on_failure", "unknown_choice", f"Send one of: {', '.join(FAILURE_CHOICES)}."))
    if not isinstance(value.get("back_translation", False), bool):
        faults.append(Fault("/translation/back_translation", "wrong_type", "Give true or false."))
    rounds = value.get("rounds", 1)
    if not isinstance(rounds, int) or isinstance(rounds, bool) or not 1 <= rounds <= MOST_ROUNDS:
        faults.append(Fault("/translation/rounds", "wrong_type", f"Give a whole number from 1 to {MOST_ROUNDS}."))
    return faults
