"""A job's policies: how pairs are asked for, judged and counted. Each belongs to the module that reads it."""

from collections.abc import Callable, Mapping
from typing import Any

from app.errors import Fault
from app.pipeline.filtering import check_filters
from app.pipeline.grounding import check_grounding
from app.pipeline.judging import JUDGING, check_judging
from app.pipeline.quotas import check_pairs_per_item, check_target_pairs
from app.pipeline.selecting import check_selection
from app.pipeline.translation_policy import check_translation_policy

POLICIES = ("examples", "filters", "grounding", "translation", "target_pairs", "pairs_per_item")
"""What an order may say; the API has a field for each."""

READERS: dict[str, Callable[[Any], list[Fault]]] = {
    "examples": check_selection,
    "filters": check_filters,
    "grounding": check_grounding,
    "target_pairs": check_target_pairs,
    "pairs_per_item": check_pairs_per_item,
    JUDGING: check_judging,
    "translation": check_translation_policy,
}
"""What is wrong with the value of a policy, by its name; pointers begin with the name. Others are refused."""


def check_policies(policies: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the policies of an order, a fault each."""
    faults: list[Fault] = []
    for name, value in policies.items():
        read = READERS.get(name)
        if read is None:
            faults.append(Fault(f"/{name}", "not_offered", f"There is no {name!r} here."))
        else:
            faults += read(value)
    return faults
