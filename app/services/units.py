"""Units of work: an item to be asked about, a pair to be translated; and the call that brought an answer."""

from dataclasses import dataclass
from typing import Protocol

from app.pipeline.translating import Drafts
from app.pipeline.values import Finding, Pair, Rejection
from app.store.outcomes import Again, Reply


class Unit(Protocol):
    """What a call is about, as the ledger keeps it."""

    @property
    def item_id(self) -> int: ...
    @property
    def sample(self) -> int: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def languages(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class ItemUnit:
    """An item to be asked about.

    earlier: what replies about it brought so far, where an item is asked until it has its pairs
    most_pairs: how many pairs it may have at most, where it has ended before; nothing further is asked about it then
    """

    item_id: int
    sentences: str
    losses: int = 0
    sample: int = 0
    fingerprint: int = 0
    languages: tuple[str, ...] = ()
    image_ids: tuple[str, ...] = ()
    earlier: tuple[Reply, ...] = ()
    most_pairs: int | None = None

    @property
    def mending(self) -> Again | None:
        """What of the last reply is asked for once more."""
        return self.earlier[-1].again if self.earlier else None

    @property
    def kept(self) -> tuple[Pair, ...]:
        """The pairs that earlier replies brought, without those that are asked for once more."""
        return tuple(
            Pair(pair.instruction, pair.response, pair.conversation)
            for reply in self.earlier
            for pair in reply.pairs
            if reply.again is None or pair.ordinal not in reply.again.ordinals
        )


@dataclass(frozen=True, slots=True)
class RefusedTranslation:
    """The last translation into a language that was not taken (None where there was no text), and what is wrong."""

    language: str
    pair: Pair | None
    findings: tuple[Finding, ...]
    tries: int = 1

    @property
    def reason(self) -> str:
        """All that was found, in words."""
        return "; ".join(finding.detail for finding in self.findings)

    def to_rejection(self) -> Rejection:
        """The rejection that is stored of it."""
        text = f"{self.pair.instruction}\n{self.pair.response}".strip() if self.pair else ""
        return Rejection(self.findings[0].code, self.reason, text, self.pair, None, self.language)


@dataclass(frozen=True, slots=True)
class PairUnit:
    """An English pair to be translated into `languages`, those it still lacks.

    refused: what was wrong with earlier tries; drafts: translations that are to be read back next, by a call whose
    fingerprint is theirs
    """

    item_id: int
    sample: int
    pair_id: int
    pair: Pair
    fingerprint: int
    languages: tuple[str, ...]
    losses: int = 0
    refused: tuple[RefusedTranslation, ...] = ()
    drafts: Drafts = ()


@dataclass(frozen=True, slots=True)
class WholeJob:
    """What a call is about that belongs to the job and to none of its items, as the ledger keeps it."""

    item_id: int = 0
    sample: int = 0
    fingerprint: int = 0
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaidCall:
    """The call that brought an answer.

    call_state: what it moves to, None where it was accounted for before
    languages: what a translation call asked for
    keeps_rejections: False where the rejections of this answer are stored already
    most_pairs: how many pairs its item may have at most, where the item has ended with this call before
    """

    call_id: int
    call_state: str | None
    languages: tuple[str, ...] = ()
    keeps_rejections: bool = True
    most_pairs: int | None = None
