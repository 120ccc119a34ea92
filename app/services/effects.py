"""What changes about single pairs: the effects that a preview counts and shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ids import encode_id
from app.pipeline.diffing import diff_pairs
from app.pipeline.filtering import JOB_RULES
from app.pipeline.values import Pair
from app.services.rereading import UnitChange
from app.store.comparisons import Likeness, describe_likeness
from app.store.foresight import Difference, Marks
from app.store.outcomes import NewPair
from app.store.rereading import KnownPair

DIRECTIONS = ("newly_refused", "newly_kept", "newly_flagged", "no_longer_flagged", "repaired_differently")


@dataclass(frozen=True, slots=True)
class Cause:
    """A rule that something changes by; `likeness` is what a rule of the whole job found, with the earlier pair."""

    rule: str
    detail: str = ""
    likeness: Likeness | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A pair as it stands at a time."""

    texts: Pair
    status: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that changes about one pair: what stands now, and what would.

    pair_id: below zero for a pair that is not there yet, counted down in the order in which they come
    is_final: whether `after` has what the rules of the whole job find
    """

    direction: str
    causes: tuple[Cause, ...]
    pair_id: int
    item_id: int
    position: int
    before: Standing | None = None
    after: Standing | None = None
    is_final: bool = False


def list_effects(change: UnitChange, come: int) -> Iterator[Effect]:
    """What a new reading changes; `come` pairs were newly kept before."""
    item_id, position = change.unit.item_id, change.unit.position
    for gone in change.removed:
        cause = Cause(gone.rule, gone.detail)
        yield Effect("newly_refused", (cause,), gone.pair.id, item_id, position, _stand(gone.pair))
    for number, new in enumerate(change.added, start=come + 1):
        yield Effect("newly_kept", (Cause(new.rule),), -number, item_id, position, None, _stand_anew(new.pair))
    for text in change.rewritten:
        causes = tuple(map(Cause, text.rules))
        before, after = _stand(text.before), _stand_anew(text.after)
        yield Effect("repaired_differently", causes, text.before.id, item_id, position, before, after)
    for marks in change.reflagged:
        details = {finding.code: finding.detail for finding in marks.after.findings}
        before, after = _stand(marks.before), _stand_anew(marks.after)
        for code in marks.gained:
            cause = Cause(code, details[code])
            yield Effect("newly_flagged", (cause,), marks.before.id, item_id, position, before, after)
        for code in marks.lost:
            yield Effect("no_longer_flagged", (Cause(code),), marks.before.id, item_id, position, before, after)


def list_differences(change: Difference) -> Iterator[Effect]:
    """What rules of the whole job change about a pair."""
    before = None if change.texts is None else Standing(Pair(*change.texts), change.status, change.flags)
    flags = change.flags if change.new_flags is None else change.new_flags
    texts = Pair(*(change.new_texts or change.texts or ("", "")))
    after = mark(Standing(texts, "", flags), change.after.codes, change.after.refusing)
    for direction, found in _direct(change.before, change.after):
        causes = tuple(Cause(each.code, describe_likeness(each), each) for each in found)
        yield Effect(direction, causes, change.pair_id, change.item_id, change.position, before, after, True)


def _direct(old: Marks, new: Marks) -> Iterator[tuple[str, Sequence[Likeness]]]:
    """Directions, each with what was found that leads there."""
    if new.refusing and not old.refusing:
        yield "newly_refused", [each for each in new.found if each.code in new.refusing]
    elif old.refusing and not new.refusing:
        yield "newly_kept", [each for each in old.found if each.code in old.refusing]
    elif not new.refusing:
        for each in new.found:
            if each.code not in old.codes:
                yield "newly_flagged", [each]
        for each in old.found:
            if each.code not in new.codes:
                yield "no_longer_flagged", [each]


def mark(standing: Standing, codes: Sequence[str], refusing: Sequence[str]) -> Standing:
    """A pair with what rules of the whole job find about it, and with nothing else of them."""
    flags = (*(flag for flag in standing.flags if flag not in JOB_RULES), *codes)
    if set(codes) & set(refusing):
        return Standing(standing.texts, "rejected", flags)
    return Standing(standing.texts, "flagged" if flags else "accepted", flags)


def show_effect(
    effect: Effect, cause: Cause, after: Standing | None, others: Mapping[int, tuple[int | None, str | None]]
) -> dict[str, Any]:
    """An example; `others` are the items and instructions of the pairs that pairs are like."""
    before = effect.before
    return {
        "direction": effect.direction,
        "rule": cause.rule,
        "detail": cause.detail,
        "item_id": encode_id("item", effect.item_id),
        "position": effect.position,
        "pair_id": _name(effect.pair_id),
        "before": None if before is None else _show(before),
        "after": None if after is None else _show(after),
        "diff": None if before is None or after is None else diff_pairs(before.texts, after.texts),
        "other": None if cause.likeness is None else _show_other(cause.likeness, others),
    }


def _stand(known: KnownPair) -> Standing:
    return Standing(known.texts, known.status, known.flags)


def _stand_anew(new: NewPair) -> Standing:
    flags = tuple(new.flags)
    return Standing(Pair(new.instruction, new.response), "flagged" if flags else "accepted", flags)


def _show(standing: Standing) -> dict[str, Any]:
    texts = standing.texts
    return {
        "instruction": texts.instruction,
        "response": texts.response,
        "status": standing.status,
        "flags": list(standing.flags),
    }


def _show_other(likeness: Likeness, others: Mapping[int, tuple[int | None, str | None]]) -> dict[str, Any]:
    item_id, instruction = others.get(likeness.other_id, (None, None))
    return {
        "pair_id": _name(likeness.other_id),
        "item_id": None if item_id is None else encode_id("item", item_id),
        "instruction": instruction,
        "likeness": round(likeness.likeness, 3),
    }


def _name(pair_id: int) -> str | None:
    return encode_id("pair", pair_id) if pair_id > 0 else None
