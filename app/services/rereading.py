"""Rereading: what stored replies give by the rules of now, beside what they gave when they were recorded.

A dry run shows these changes and a rerun makes them: both come from `compare`. What people decided about is in neither.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.pipeline.filtering import JOB_RULES
from app.pipeline.quotas import SHORT, explain_shortage
from app.pipeline.values import Pair, Rejection
from app.services.claims import JobContext
from app.services.replaying import replay
from app.store.kept import PLACE_TAKEN, refuse_surplus
from app.store.outcomes import GROUNDING, LONGEST_DETAIL, NewPair, Outcome
from app.store.rereading import KnownPair, ReadUnit

BY_PARSER = "parser"
"""Stands for a rule where a reply gives a pair, or none any more, because it is read in another way."""

Place = KnownPair | NewPair
Refusal = tuple[int, Rejection]
"""What was refused of a reply, with the call that brought it."""
End = tuple[str, str | None, str | None]
"""How an item ends: state, code and detail."""


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
    regrouped: pairs of conversations that are counted otherwise, with the number of theirs
    refusals, end: all that is refused then, and how the item ends; None leaves them as they are
    most_pairs: how many pairs it may have from now on, where the job's target bounds them
    """

    unit: ReadUnit
    removed: tuple[Removal, ...] = ()
    added: tuple[Addition, ...] = ()
    rewritten: tuple[Rewrite, ...] = ()
    reflagged: tuple[Reflagging, ...] = ()
    kept: tuple[KnownPair, ...] = ()
    regrouped: tuple[tuple[KnownPair, int], ...] = ()
    order: tuple[Place, ...] = ()
    refusals: tuple[Refusal, ...] | None = None
    end: End | None = None
    most_pairs: int | None = None

    @property
    def rejections(self) -> tuple[Rejection, ...] | None:
        """All that is refused, where that changes; None where it does not."""
        if self.refusals is None or not (self.refusals or self.unit.rejections):
            return None
        rejections = tuple(rejection for _, rejection in self.refusals)
        return None if _tell(rejections) == _tell(self.unit.rejections) else rejections

    @property
    def state(self) -> End | None:
        """How the item ends now; None where it ends as before, as one does of which nothing else changes."""
        unit = self.unit
        if self.end == (unit.state, unit.code, unit.detail):
            return None
        return self.end if self.removed or self.added or self.rejections is not None else None

    @property
    def bound(self) -> int | None:
        """How many pairs the item may have from now on, where that is news."""
        return None if self.most_pairs == self.unit.most_pairs else self.most_pairs

    @property
    def is_change(self) -> bool:
        """Whether anything is to be written."""
        changed = self.removed or self.added or self.rewritten or self.reflagged or self.regrouped
        return bool(changed) or self.rejections is not None or self.bound is not None


def reread(job: JobContext, unit: ReadUnit) -> UnitChange:
    """Read the stored replies of a unit by the rules of the job, and compare; nothing is asked."""
    return compare(unit, replay(job, unit))


def compare(unit: ReadUnit, outcome: Outcome) -> UnitChange:
    """What is to be changed so that the unit stands as the outcome has it; without a verdict nothing is."""
    if outcome.verdict is None:
        return UnitChange(unit, order=unit.pairs)
    found = _find_known(unit, outcome.pairs)
    met = [(known, new) for known, new in zip(found, outcome.pairs, strict=True) if known is not None]
    ids = {known.id for known, _ in met}
    left = [known for known in unit.pairs if known.id not in ids]
    staying = [known for known in left if known.is_kept]
    order: list[Place] = [known or new for known, new in zip(found, outcome.pairs, strict=True)]
    for known in staying:
        order.insert(_find_place(order, known), known)
    refusals = _list_refusals(unit, outcome)
    told = [rejection for _, rejection in refusals]
    change = UnitChange(
        unit,
        removed=tuple(_remove(known, told) for known in left if not known.is_kept),
        added=tuple(_add(new, unit) for known, new in zip(found, outcome.pairs, strict=True) if known is None),
        rewritten=tuple(_rewrite(known, new) for known, new in met if not known.is_kept and _differs(known, new)),
        reflagged=tuple(_reflag(known, new) for known, new in met if not known.is_kept and _is_news(known, new)),
        kept=(
            *staying,
            *(known for known, new in met if known.is_kept and (_differs(known, new) or _is_news(known, new))),
        ),
        regrouped=tuple((known, new.conversation) for known, new in met if known.conversation != new.conversation),
        order=tuple(order),
        refusals=_without(refusals, staying),
    )
    wanted = outcome.pairs_per_item
    if wanted is not None:
        change = leave_out(change, min(len(order) - wanted, len(change.added)), PLACE_TAKEN)
    return replace(change, end=_end(change, outcome))


def leave_out(change: UnitChange, surplus: int, detail: str) -> UnitChange:
    """The change without the last `surplus` of its new pairs, which are refused for the reason of `detail`."""
    if surplus <= 0:
        return change
    gone = change.added[len(change.added) - surplus :]
    refusals = tuple((change.unit.call_id, refuse_surplus(each.pair, detail)) for each in gone)
    return replace(
        change,
        added=change.added[: len(change.added) - surplus],
        order=tuple(each for each in change.order if not any(each is one.pair for one in gone)),
        refusals=(*(change.refusals or ()), *refusals),
    )


def place(change: UnitChange) -> list[tuple[Place, int]]:
    """The pairs of a changed unit with their ordinals: the places it had, in order, then free ones."""
    slots = sorted(known.ordinal for known in change.unit.pairs)
    more = len(change.order) - len(slots)
    slots += range(change.unit.free_ordinal, change.unit.free_ordinal + max(0, more))
    return list(zip(change.order, slots, strict=False))


def origin_of(new: NewPair) -> Pair:
    """What the model wrote; of a pair that mends another that pair itself."""
    for repair in new.repairs:
        if repair.rule != GROUNDING:
            return replace(repair.before, conversation=new.conversation)
    return Pair(new.instruction, new.response, new.conversation)


def _find_known(unit: ReadUnit, pairs: Sequence[NewPair]) -> list[KnownPair | None]:
    """Which stored pair each new one is: what the same call wrote, first in the same conversation, then in any."""
    found: list[KnownPair | None] = [None] * len(pairs)
    left = list(unit.pairs)
    for is_exact in (True, False):
        waiting: dict[tuple[int, Pair], deque[KnownPair]] = defaultdict(deque)
        for known in left:
            origin = known.origin if is_exact else _bare(known.origin)
            waiting[known.call_id or unit.call_id, origin].append(known)
        for place, new in enumerate(pairs):
            origin = origin_of(new) if is_exact else _bare(origin_of(new))
            same = waiting.get((new.call_id or unit.call_id, origin))
            if found[place] is None and same:
                found[place] = same.popleft()
        left = [known for known in left if not any(known is each for each in found)]
        if not left:
            break
    return found


def _bare(pair: Pair) -> Pair:
    return Pair(pair.instruction, pair.response)


def _list_refusals(unit: ReadUnit, outcome: Outcome) -> list[Refusal]:
    """All that is refused, each with its call."""
    call_id = outcome.call_id or unit.call_id
    refusals = [(call_id, rejection) for rejection in outcome.rejections]
    return refusals + [(reply.call_id, rejection) for reply in outcome.earlier for rejection in reply.rejections]


def _add(new: NewPair, unit: ReadUnit) -> Addition:
    origin, texts = _bare(origin_of(new)), Pair(new.instruction, new.response)
    reasons = [rejection.reason for rejection in unit.rejections if rejection.pair in (origin, texts)]
    return Addition(new, reasons[-1] if reasons else BY_PARSER)


def _find_place(order: Sequence[Place], known: KnownPair) -> int:
    """Before the first pair that stood after it."""
    for index, each in enumerate(order):
        if isinstance(each, KnownPair) and each.ordinal > known.ordinal:
            return index
    return len(order)


def _remove(known: KnownPair, rejections: Iterable[Rejection]) -> Removal:
    for rejection in rejections:
        if _is_about(rejection, known):
            return Removal(known, rejection.reason, rejection.detail)
    return Removal(known, BY_PARSER, "the reply is read in another way and does not give it any more")


def _without(refusals: Iterable[Refusal], staying: Sequence[KnownPair]) -> tuple[Refusal, ...]:
    """A pair that stays is not refused beside it."""
    return tuple(each for each in refusals if not any(_is_about(each[1], known) for known in staying))


def _is_about(rejection: Rejection, known: KnownPair) -> bool:
    """Whether it refuses what the model wrote, or what repairs made of that."""
    pair = rejection.pair
    return pair is not None and _bare(pair) in (_bare(known.origin), _bare(known.texts))


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


def _end(change: UnitChange, outcome: Outcome) -> End:
    """How the item ends with these pairs."""
    pairs, wanted = len(change.order), outcome.pairs_per_item or 0
    if not pairs:
        detail = outcome.detail[:LONGEST_DETAIL] if outcome.detail else None
        return (outcome.verdict or change.unit.state, outcome.code, detail)
    if pairs >= wanted:
        return ("done", None, None)
    reasons = [rejection.reason for reply in outcome.earlier for rejection in reply.rejections]
    return ("done", SHORT, explain_shortage(pairs, wanted, len(outcome.earlier), reasons)[:LONGEST_DETAIL])
