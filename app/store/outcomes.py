"""Outcomes: what an answer led to, as `recording` takes it."""

from dataclasses import dataclass, field

from app.pipeline.values import Finding, Pair, Rejection, Repair, Usage

LONGEST_DETAIL = 2_000
GROUNDING = "grounding"
"""The rule of a repair that put a pair which the model wrote anew in the place of a wrong one."""


@dataclass(frozen=True, slots=True)
class NewPair:
    """A pair to be stored; a translation names its English pair and shares its place.

    call_id: the call that brought it, where that is not the one of its outcome
    source: the texts that a translation translates
    """

    ordinal: int
    language: str
    instruction: str
    response: str
    words: int
    translation_of: int | None = None
    conversation: int = 0
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    call_id: int | None = None
    source: Pair | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """The codes of its findings, each once; a pair with findings is `flagged`."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))


@dataclass(frozen=True, slots=True)
class Again:
    """Pairs of a reply that are asked for once more: how many, and the lines of the request.

    ordinals: those that stay where nothing better comes
    """

    note: str
    pairs: int
    ordinals: frozenset[int]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one of several replies about an item brought; `again` while some of it is to be mended."""

    call_id: int
    pairs: tuple[NewPair, ...]
    rejections: tuple[Rejection, ...]
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a unit ended: why, in which words, and by which call."""

    code: str | None
    detail: str | None
    call_id: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call, or of a unit without one.

    call_state: the state the call moves to, or None where the answer was accounted for before (a rerun)
    verdict: `done`, `failed` or `poison` ends the unit; None leaves it pending (something is asked again)
    keep_reserved: the endpoint may bill the call although no answer came, so its reservation stays held
    earlier: what replies about an item brought so far; their rejections are stored when it ends, `pairs` has all pairs
    ending: how the unit ended, where its last call says something else
    target_pairs, pairs_per_item, most_pairs: how many English pairs the job, and the item, may have (see `quotas`)
    """

    job_id: int
    stage: str
    item_id: int
    sample: int
    verdict: str | None
    call_id: int | None = None
    call_state: str | None = None
    code: str | None = None
    detail: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_micros: int = 0
    finish_reason: str | None = None
    http_status: int | None = None
    keep_reserved: bool = False
    has_budget: bool = False
    pairs: tuple[NewPair, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    earlier: tuple[Reply, ...] = ()
    ending: Ending | None = None
    target_pairs: int | None = None
    pairs_per_item: int | None = None
    most_pairs: int | None = None

    @property
    def end(self) -> Ending:
        """How the unit ended."""
        return self.ending or Ending(self.code, self.detail, self.call_id)
