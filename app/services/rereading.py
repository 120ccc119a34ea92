"""Rereading: what a stored reply gives by the rules of now, beside what it gave when it was recorded.

A dry run shows these changes and a rerun makes them: both come from `compare`. What people decided about is in neither.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.pipeline.filtering import JOB_RULES
from app.pipeline.grounding import read_grounding
from app.pipeline.values import Pair, Rejection
from app.services.answers import ItemUnit, PaidCall, read_item_answer
from app.services.claims import JobContext
from app.store.outcomes import LONGEST_DETAIL, NewPair, Outcome
from app.store.rereading import KnownPair, ReadUnit

BY_PARSER = "parser"
"""Stands for a rule where a reply gives a pair, or none any more, because it is read in another way."""

Place = KnownPair | NewPair


@dataclass(frozen=True, slots=True)
class Removal:
    """A pair that is refused by now, or not given any more."""

    pair: KnownPair
    rule: str
    detail: str


@dataclass(frozen=True, slots=True)
class Addition:
    """A pair that is kept by now; `rule` is what refused it before."""

    pair: NewPair
    rule: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A pair that is repaired in another way, by these rules or by them no longer."""

    before: KnownPair
    after: NewPair
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reflagging:
    """A pair about which rules find something else; `flags` are all it has then."""

    before: KnownPair
    after: NewPair
    flags: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitChange:
    """What a new reading changes about an item.

    order: its pairs as they stand then
    kept: pairs that the rules would change, and that stay because people decided about them
    rejections: all of them, where they change; None where they do not
    state: (state, code, detail), None where it stays
    """

    unit: ReadUnit
    removed: tuple[Removal, ...] = ()
    added: tuple[Addition, ...] = ()
    rewritten: tuple[Rewrite, ...] = ()
    reflagged: tuple[Reflagging, ...] = ()
    kept: tuple[KnownPair, ...] = ()
    order: tuple[Place, ...] = ()
    rejections: tuple[Rejection, ...] | None = None
    state: tuple[str, str | None, str | None] | None = None

    @property
    def is_change(self) -> bool:
        """Whether anything is to be written."""
        changed = self.removed or self.added or self.rewritten or self.reflagged
        return bool(changed) or self.rejections is not None or self.state is not None


def asks_further(job: JobContext) -> bool:
    """Whether an item may take several replies: its number of pairs was ordered, or wrong claims are written again."""
    is_mended = read_grounding(job.policies.get("grounding")).policy == "repair"
    return is_mended or job.pairs_per_item is not None or job.target_pairs is not None


def reread(job: JobContext, unit: ReadUnit) -> UnitChange:
    """Read the stored reply of a unit by the rules of the job, and compare; nothing is asked."""
    item = ItemUnit(unit.item_id, unit.sentences, sample=unit.sample, image_ids=unit.image_ids)
    outcome = read_item_answer(job, item, PaidCall(unit.call_id, None), unit.raw)
    return compare(unit, outcome)


def compare(unit: ReadUnit, outcome: Outcome) -> UnitChange:
    """What is to be changed so that the unit stands as the outcome has it; without a verdict nothing is."""
    if outcome.verdict is None:
        return UnitChange(unit)
    waiting: dict[Pair, deque[KnownPair]] = defaultdict(deque)
    for known in unit.pairs:
        waiting[known.origin].append(known)
    order: list[Place] = []
    met: list[tuple[KnownPair, NewPair]] = []
    added: list[Addition] = []
    refused_before = {rejection.pair: rejection.reason for rejection in unit.rejections if rejection.pair}
    for new in outcome.pairs:
        origin = origin_of(new)
        if waiting[origin]:
            known = waiting[origin].popleft()
            met.append((known, new))
            order.append(known)
        else:
            bare = Pair(origin.instruction, origin.response)
            added.append(Addition(new, refused_before.get(bare, BY_PARSER)))
            order.append(new)
    left = [known for known in unit.pairs if any(known is each for each in waiting[known.origin])]
    staying = [known for known in left if known.is_kept]
    for known in staying:
        order.insert(_find_place(order, known), known)
    rejections = _without(outcome.rejections, staying)
    return UnitChange(
        unit,
        removed=tuple(_remove(known, outcome.rejections) for known in left if not known.is_kept),
        added=tuple(added),
        rewritten=tuple(_rewrite(known, new) for known, new in met if not known.is_kept and _differs(known, new)),
        reflagged=tuple(_reflag(known, new) for known, new in met if not known.is_kept and _is_news(known, new)),
        kept=(
            *staying,
            *(known for known, new in met if known.is_kept and (_differs(known, new) or _is_news(known, new))),
        ),
        order=tuple(order),
        rejections=None if _tell(rejections) == _tell(unit.rejections) else rejections,
        state=_judge(unit, outcome, has_pairs=bool(order)),
    )


def place(change: UnitChange) -> list[tuple[Place, int]]:
    """The pairs of a changed unit with their ordinals: the places it had, in order, then free ones."""
    slots = sorted(known.ordinal for known in change.unit.pairs)
    more = len(change.order) - len(slots)
    slots += range(change.unit.free_ordinal, change.unit.free_ordinal + max(0, more))
    return list(zip(change.order, slots, strict=False))


def origin_of(new: NewPair) -> Pair:
    """What the model wrote."""
    if new.repairs:
        return replace(new.repairs[0].before, conversation=new.conversation)
    return Pair(new.instruction, new.response, new.conversation)


def _find_place(order: Sequence[Place], known: KnownPair) -> int:
    """Before the first pair that stood after it."""
    for index, each in enumerate(order):
        if isinstance(each, KnownPair) and each.ordinal > known.ordinal:
            return index
    return len(order)


def _remove(known: KnownPair, rejections: Iterable[Rejection]) -> Removal:
    for rejection in rejections:
        if rejection.pair is not None and _is_same(rejection.pair, known.origin):
            return Removal(known, rejection.reason, rejection.detail)
    return Removal(known, BY_PARSER, "the reply is read in another way and does not give it any more")


def _without(rejections: Iterable[Rejection], staying: Sequence[KnownPair]) -> tuple[Rejection, ...]:
    """A pair that stays is not refused beside it."""
    return tuple(
        rejection
        for rejection in rejections
        if rejection.pair is None or not any(_is_same(rejection.pair, known.origin) for known in staying)
    )


def _rewrite(known: KnownPair, new: NewPair) -> Rewrite:
    before, after = ([(repair.rule, repair.after) for repair in each.repairs] for each in (known, new))
    rules = {rule for rule, _ in set(before) ^ set(after)} or {rule for rule, _ in (*before, *after)}
    return Rewrite(known, new, tuple(sorted(rules)) or (BY_PARSER,))


def _reflag(known: KnownPair, new: NewPair) -> Reflagging:
    mine = [flag for flag in known.flags if flag not in JOB_RULES]
    others = [flag for flag in known.flags if flag in JOB_RULES]
    return Reflagging(
        known,
        new,
        (*new.flags, *others),
        tuple(flag for flag in new.flags if flag not in mine),
        tuple(flag for flag in mine if flag not in new.flags),
    )


def _differs(known: KnownPair, new: NewPair) -> bool:
    return (known.texts.instruction, known.texts.response) != (new.instruction, new.response)


def _is_news(known: KnownPair, new: NewPair) -> bool:
    mine = [(each.code, each.detail, _plain(each.evidence)) for each in known.findings if each.code not in JOB_RULES]
    return Counter(map(repr, mine)) != Counter(
        repr((each.code, each.detail, _plain(each.evidence))) for each in new.findings
    )


def _plain(value: Any) -> Any:
    """A value of JSON in one form, whatever it was before it was stored."""
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value)}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _tell(rejections: Iterable[Rejection]) -> Counter[tuple[str, str, str, str | None, str | None]]:
    return Counter(
        (
            rejection.reason,
            rejection.detail,
            rejection.text,
            rejection.pair.instruction if rejection.pair else None,
            rejection.pair.response if rejection.pair else None,
        )
        for rejection in rejections
    )


def _judge(unit: ReadUnit, outcome: Outcome, *, has_pairs: bool) -> tuple[str, str | None, str | None] | None:
    detail = outcome.detail[:LONGEST_DETAIL] if outcome.detail else None
    verdict = ("done", None, None) if has_pairs else (outcome.verdict or unit.state, outcome.code, detail)
    return None if verdict == (unit.state, unit.code, unit.detail) else verdict


def _is_same(one: Pair, other: Pair) -> bool:
    return (one.instruction, one.response) == (other.instruction, other.response)
