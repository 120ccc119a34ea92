"""Exactly as many pairs as were asked for: what an order may say, how a request says it, how an end is explained."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from app.errors import Fault
from app.pipeline.formats import read_content
from app.pipeline.formats.schemas import MAX_PAIRS_PER_REPLY
from app.pipeline.values import Prompt

MOST_PAIRS_PER_ITEM = MAX_PAIRS_PER_REPLY
MOST_TARGET = 2**31 - 1
FURTHER_CALLS = 3
"""How often an item that has too few pairs is asked again."""

SHORT = "short_of_pairs"
TARGET_REACHED = "target_reached"
SURPLUS = "surplus_pair"

DEFAULT_PAIRS = 5
"""What a reply is expected to hold where neither the order nor the prompt's examples say."""

_LONGEST_QUESTION = 300


def check_pairs_per_item(value: object) -> list[Fault]:
    """What is wrong with the `pairs_per_item` of an order."""
    return _check_count(value, "pairs_per_item", MOST_PAIRS_PER_ITEM)


def check_target_pairs(value: object) -> list[Fault]:
    """What is wrong with the `target_pairs` of an order."""
    return _check_count(value, "target_pairs", MOST_TARGET)


def check_against_kind(pairs_per_item: object, most_pairs: int | None, kind: str) -> list[Fault]:
    """What a kind that keeps at most so many pairs of an item says to an order that asks for more."""
    if most_pairs is None or not isinstance(pairs_per_item, int) or pairs_per_item <= most_pairs:
        return []
    message = f"{kind} keeps at most {most_pairs} of an item's pairs; ask for no more, or leave it out."
    return [Fault("/pairs_per_item", "more_than_kind", message)]


def expect_pairs(prompt: Prompt, pairs_per_item: int | None = None) -> int:
    """How many pairs a reply is likely to bring: what is asked for, else what the prompt's examples show."""
    if pairs_per_item is not None:
        return pairs_per_item
    shown = [len(read_content(turn.content)) for turn in prompt.in_context if turn.role == "assistant"]
    counts = [count for count in shown if count]
    return max(1, round(sum(counts) / len(counts))) if counts else DEFAULT_PAIRS


def ration_calls(missing: int, under_way: int, *, kept: int, ended: int, expected: int) -> int:
    """How many further calls may start for pairs that are missing, beside those under way.

    As many as those pairs need at what a reply has kept so far (`kept` pairs of `ended` items), or is expected to.
    While something is missing and nothing is under way, at least one may.
    """
    if missing <= 0:
        return 0
    per_call = kept / ended if kept and ended else expected
    return max(0, ceil(missing / per_call) - under_way)


def say_count(pairs: int) -> str:
    """The line of a request, or of an example, that says how many pairs its reply holds."""
    return f"Write exactly {_count(pairs, 'pair')} about this annotation."


def say_further(pairs: int, questions: Sequence[str], replies: int, *, counts_pairs: bool) -> str:
    """The lines of a further request: what is still missing, and what was asked already.

    counts_pairs: whether the grammar leaves the number of pairs to the request; conversations have theirs.
    """
    wanted = f"exactly {_count(pairs, 'further pair')}" if counts_pairs else "further conversations"
    lines = [f"Write {wanted} about this annotation; this is request {replies + 1} about it."]
    if questions:
        lines.append(
            "These questions are answered already. Ask none of them again, in whatever words, and nothing that has the "
            "same answer:"
        )
        lines += [f"- {_quote(question)}" for question in questions]
    else:
        lines.append("What was written before broke the rules above: keep to every one of them.")
    return "\n".join(lines)


def explain_shortage(kept: int, wanted: int, replies: int, reasons: Sequence[str]) -> str:
    """Why an item has fewer pairs than were asked for, in a line."""
    why = f": {', '.join(dict.fromkeys(reasons))}" if reasons else ""
    return f"{kept} of {_count(wanted, 'pair')} after {_count(replies, 'reply', 'replies')}{why}"


def say_target(target: int) -> str:
    """Why a good pair is not kept, under a target."""
    return f"the job's target of {target} pairs was reached"


def explain_target(target: int, kept: int = 0, offered: int = 0) -> str:
    """Why an item has fewer pairs than it gave, or was not asked: the job had all it was to have."""
    if offered:
        return f"{kept} of {_count(offered, 'pair')} kept: the job's target of {target} was reached"
    return f"the job's target of {_count(target, 'pair')} was reached before the item was asked"


def count_missing(policies: Mapping[str, Any], counts: Mapping[str, int]) -> int | None:
    """How many of the pairs that were asked for are not there (yet); None where no number was asked for.

    counts: the roll-ups of the job. Under a target it decides; else each item that is not skipped is to have its pairs.
    """
    target, per_item = policies.get("target_pairs"), policies.get("pairs_per_item")
    if target is not None:
        return max(0, int(target) - counts.get("pairs", 0))
    if per_item is None:
        return None
    wanted = counts.get("items.total", 0) - counts.get("items.skipped", 0)
    return max(0, int(per_item) * wanted - counts.get("pairs", 0))


def explain_end(policies: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    """What the reason of a job that ends says of the pairs it lacks, in parts; nothing where all are there."""
    missing = count_missing(policies, counts)
    if not missing:
        return []
    said = []
    target, per_item = policies.get("target_pairs"), policies.get("pairs_per_item")
    skipped = counts.get("items.skipped", 0)
    if target is not None:
        left = f"{_count(skipped, 'item')} not asked: retry-failed asks them" if skipped else "every item was asked"
        said.append(f"{target - missing} of {_count(target, 'pair')}, {left}")
    if per_item is not None and counts.get(SHORT):
        said.append(f"{_count(counts[SHORT], 'item')} short of {_count(per_item, 'pair')} each")
    return said


def _check_count(value: object, name: str, most: int) -> list[Fault]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return []
    return [Fault(f"/{name}", "out_of_range", f"Send a whole number from 1 to {most:,}.")]


def _count(n: int, noun: str, plural: str = "") -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {plural or noun + 's'}"


def _quote(question: str) -> str:
    """A question on one line, no longer than it needs to be known, and without the marks of an annotation."""
    flat = " ".join(question.split()).replace("<<<", "‹‹‹")
    return flat if len(flat) <= _LONGEST_QUESTION else f"{flat[:_LONGEST_QUESTION]}…"
