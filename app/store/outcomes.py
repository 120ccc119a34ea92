"""Outcomes: what an answer led to, recorded with its pairs, rejections and counts in one transaction.

Two compare-and-sets decide: a call leaves `stored` (or `started`) once, so usage is counted once; a unit gets its
`item_state` once, so one call's pairs win and a later one is kept as `superseded`, still billed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import SHORT
from app.pipeline.values import Finding, Pair, Rejection, Repair, Usage
from app.store.queue_tallies import count_pair
from app.store.sources import NewTranslation, Sources, find_replaced, lock_sources, mark_outdated, replace_translations
from app.store.tallies import add_tallies

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


Unit = tuple[int, str, int, int]
PairPlace = tuple[int, int, int, str]

_CLOSE_CALLS = text(
    """
    UPDATE call SET state = a.state, error_code = a.error_code, error_detail = a.error_detail,
        finish_reason = a.finish_reason, http_status = coalesce(a.http_status, call.http_status),
        prompt_tokens = a.prompt_tokens, completion_tokens = a.completion_tokens, cached_tokens = a.cached_tokens,
        cost_micros = a.cost_micros, finished_at = coalesce(call.finished_at, clock_timestamp())
    FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]),
            CAST(:reasons AS text[]), CAST(:statuses AS int[]), CAST(:prompts AS int[]), CAST(:completions AS int[]),
            CAST(:cached AS int[]), CAST(:costs AS bigint[]))
        AS a (id, state, error_code, error_detail, finish_reason, http_status, prompt_tokens, completion_tokens,
            cached_tokens, cost_micros)
    WHERE call.id = a.id AND call.state IN ('started', 'stored', 'unknown')
    RETURNING call.id, call.reserved_micros
    """
)
_WIN = text(
    """
    INSERT INTO item_state (job_id, stage, item_id, sample, state, code, detail, call_id)
    SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:stages AS text[]), CAST(:items AS bigint[]),
        CAST(:samples AS smallint[]), CAST(:states AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]),
        CAST(:calls AS bigint[]))
    ON CONFLICT DO NOTHING
    RETURNING job_id, stage, item_id, sample
    """
)
_SUPERSEDE = text("UPDATE call SET state = 'superseded' WHERE id = ANY(:ids)")
_INSERT_PAIRS = text(
    """
    INSERT INTO pair (job_id, item_id, ordinal, conversation, language, translation_of, instruction, response, words,
        status, flags, call_id)
    SELECT job_id, item_id, ordinal, conversation, language, translation_of, instruction, response, words,
        CASE flags WHEN '' THEN 'accepted' ELSE 'flagged' END, string_to_array(flags, ','), call_id
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[]), CAST(:ordinals AS smallint[]),
        CAST(:conversations AS smallint[]), CAST(:languages AS text[]), CAST(:sources AS bigint[]),
        CAST(:instructions AS text[]), CAST(:responses AS text[]), CAST(:words AS int[]), CAST(:flags AS text[]),
        CAST(:calls AS bigint[]))
        AS new (job_id, item_id, ordinal, conversation, language, translation_of, instruction, response, words, flags,
            call_id)
    ON CONFLICT (job_id, item_id, ordinal, language) DO NOTHING
    RETURNING job_id, language, item_id, ordinal, id
    """
)
_INSERT_REJECTIONS = text(
    """
    INSERT INTO rejection (job_id, item_id, stage, sample, language, reason, detail, instruction, response, text,
        call_id)
    SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:items AS bigint[]), CAST(:stages AS text[]),
        CAST(:samples AS smallint[]), CAST(:languages AS text[]), CAST(:reasons AS text[]), CAST(:details AS text[]),
        CAST(:instructions AS text[]), CAST(:responses AS text[]), CAST(:texts AS text[]), CAST(:calls AS bigint[]))
    """
)
_INSERT_FINDINGS = text(
    """
    INSERT INTO pair_finding (job_id, pair_id, code, detail, evidence)
    SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:pairs AS bigint[]), CAST(:codes AS text[]),
        CAST(:details AS text[]), CAST(:evidence AS jsonb[]))
    """
)
_INSERT_REPAIRS = text(
    """
    INSERT INTO pair_edit (job_id, pair_id, kind, rule, instruction_before, response_before, instruction_after,
        response_after)
    SELECT job_id, pair_id, 'repair', rule, a, b, c, d
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:pairs AS bigint[]), CAST(:rules AS text[]), CAST(:a AS text[]),
        CAST(:b AS text[]), CAST(:c AS text[]), CAST(:d AS text[])) AS new (job_id, pair_id, rule, a, b, c, d)
    """
)
_RELEASE = text("UPDATE job SET held_micros = held_micros - :released WHERE id = :job_id AND budget_micros IS NOT NULL")


async def record_outcomes(session: AsyncSession, outcomes: Sequence[Outcome], bucket: int) -> None:
    """Record a batch; what another worker recorded first is left as it is."""
    tallies: Counter[tuple[int, str]] = Counter()
    fresh = await _close_calls(session, outcomes, tallies)
    counted = [outcome for outcome in outcomes if outcome.call_state is None or outcome.call_id in fresh]
    winners = await _win_units(session, counted, tallies)
    effective = [outcome for outcome in counted if outcome.verdict is None or _unit(outcome) in winners]
    await insert_pairs(session, effective, tallies)
    await insert_rejections(session, effective, tallies)
    await add_tallies(session, tallies, bucket)


def _unit(outcome: Outcome) -> Unit:
    return (outcome.job_id, outcome.stage, outcome.item_id, outcome.sample)


async def _close_calls(
    session: AsyncSession, outcomes: Sequence[Outcome], tallies: Counter[tuple[int, str]]
) -> set[int]:
    """Move calls to their state and count what they used; answers those that had not been counted before."""
    closing = {o.call_id: o for o in outcomes if o.call_state is not None and o.call_id is not None}
    if not closing:
        return set()
    ordered = list(closing.values())
    parameters = {
        "ids": list(closing),
        "states": [o.call_state for o in ordered],
        "codes": [o.code if o.call_state == "failed" else None for o in ordered],
        "details": [(o.detail or "")[:LONGEST_DETAIL] if o.call_state == "failed" else None for o in ordered],
        "reasons": [o.finish_reason for o in ordered],
        "statuses": [o.http_status for o in ordered],
        "prompts": [o.usage.prompt_tokens for o in ordered],
        "completions": [o.usage.completion_tokens for o in ordered],
        "cached": [o.usage.cached_tokens for o in ordered],
        "costs": [o.cost_micros for o in ordered],
    }
    released: Counter[int] = Counter()
    fresh = set()
    for call_id, reserved_micros in await session.execute(_CLOSE_CALLS, parameters):
        outcome = closing[call_id]
        fresh.add(call_id)
        _tally_usage(outcome, tallies)
        if outcome.has_budget and not outcome.keep_reserved:
            released[outcome.job_id] += reserved_micros - outcome.cost_micros
    for job_id, micros in sorted(released.items()):
        await session.execute(_RELEASE, {"job_id": job_id, "released": micros})
    return fresh


def _tally_usage(outcome: Outcome, tallies: Counter[tuple[int, str]]) -> None:
    job_id = outcome.job_id
    tallies[job_id, "usage.calls"] += 1
    tallies[job_id, f"calls.{outcome.call_state}"] += 1
    tallies[job_id, "usage.prompt_tokens"] += outcome.usage.prompt_tokens
    tallies[job_id, "usage.completion_tokens"] += outcome.usage.completion_tokens
    tallies[job_id, "usage.cached_tokens"] += outcome.usage.cached_tokens
    tallies[job_id, "cost_micros"] += outcome.cost_micros


async def _win_units(
    session: AsyncSession, outcomes: Sequence[Outcome], tallies: Counter[tuple[int, str]]
) -> set[Unit]:
    """Set the state of units that have none; answers the units this batch has won."""
    ending = {_unit(o): o for o in reversed(outcomes) if o.verdict is not None}
    if not ending:
        return set()
    ordered = [ending[unit] for unit in sorted(ending)]
    ends = [o.end for o in ordered]
    parameters = {
        "jobs": [o.job_id for o in ordered],
        "stages": [o.stage for o in ordered],
        "items": [o.item_id for o in ordered],
        "samples": [o.sample for o in ordered],
        "states": [o.verdict for o in ordered],
        "codes": [end.code for end in ends],
        "details": [end.detail[:LONGEST_DETAIL] if end.detail else None for end in ends],
        "calls": [end.call_id for end in ends],
    }
    won = {(row[0], row[1], row[2], row[3]) for row in await session.execute(_WIN, parameters)}
    for unit in won:
        family = "items" if unit[1] == "generate" else unit[1]
        tallies[unit[0], f"{family}.{ending[unit].verdict}"] += 1
        tallies[unit[0], SHORT] += ending[unit].end.code == SHORT
    lost = [o.call_id for o in ordered if _unit(o) not in won and o.call_state in {"ok", "recovered"}]
    if lost:
        await session.execute(_SUPERSEDE, {"ids": lost})
    return won


async def insert_pairs(session: AsyncSession, outcomes: Iterable[Outcome], tallies: Counter[tuple[int, str]]) -> None:
    """Store the pairs of outcomes with what is known of them, and count them."""
    found = [(o, pair) for o in outcomes for pair in o.pairs]
    if not found:
        return
    rows, sources = await _meet_sources(session, found)
    parameters = {
        "jobs": [o.job_id for o, _ in rows],
        "items": [o.item_id for o, _ in rows],
        "ordinals": [pair.ordinal for _, pair in rows],
        "conversations": [pair.conversation for _, pair in rows],
        "languages": [pair.language for _, pair in rows],
        "sources": [pair.translation_of for _, pair in rows],
        "instructions": [pair.instruction for _, pair in rows],
        "responses": [pair.response for _, pair in rows],
        "words": [pair.words for _, pair in rows],
        "flags": [",".join(pair.flags) for _, pair in rows],
        "calls": [pair.call_id or o.call_id for o, pair in rows],
    }
    stored: dict[PairPlace, int] = {}
    for job_id, language, item_id, ordinal, pair_id in await session.execute(_INSERT_PAIRS, parameters):
        tallies[job_id, "pairs" if language == "en" else f"translations.{language}"] += 1
        stored[job_id, item_id, ordinal, language] = pair_id
    kept = []
    outdated = {}
    for o, pair in rows:
        pair_id = stored.get((o.job_id, o.item_id, pair.ordinal, pair.language))
        if pair_id is None:
            continue
        if pair.findings or pair.repairs:
            kept.append((o.job_id, pair_id, pair))
        if pair.findings:
            count_pair(tallies, o.job_id, pair.language, "flagged", pair.flags, is_reviewed=False)
        if pair.source and pair.translation_of and sources.is_outdated(pair.translation_of, pair.source):
            outdated[pair_id] = pair.source
    if kept:
        await insert_knowledge(session, kept)
    if outdated:
        await mark_outdated(session, outdated)


async def _meet_sources(
    session: AsyncSession, rows: Sequence[tuple[Outcome, NewPair]]
) -> tuple[list[tuple[Outcome, NewPair]], Sources]:
    """The pairs that are to be inserted, and the English pairs of the translations among them.

    A translation whose English pair is gone is dropped; one that was asked for again replaces the stale one.
    """
    source_ids = [pair.translation_of for _, pair in rows if pair.translation_of is not None]
    if not source_ids:
        return list(rows), Sources(frozenset(), {})
    sources = await lock_sources(session, source_ids)
    stale = await find_replaced(session, sources)
    left, replaced, known = [], [], []
    for o, pair in rows:
        if pair.translation_of is None:
            left.append((o, pair))
        elif (pair_id := stale.get((pair.translation_of, pair.language))) is not None:
            texts = Pair(pair.instruction, pair.response)
            new = NewTranslation(
                pair.translation_of, pair.language, texts, pair.words, pair.flags, pair.source, o.call_id
            )
            replaced.append((pair_id, new))
            known.append((o.job_id, pair_id, pair))
        elif pair.translation_of in sources.present:
            left.append((o, pair))
    if replaced:
        await replace_translations(session, sources, replaced)
        await insert_knowledge(session, known)
    return left, sources


async def insert_knowledge(session: AsyncSession, pairs: Sequence[tuple[int, int, NewPair]]) -> None:
    """What rules found about new pairs and what they changed; `pairs` are (job id, pair id, pair)."""
    findings = [(job_id, pair_id, finding) for job_id, pair_id, pair in pairs for finding in pair.findings]
    if findings:
        found = {
            "jobs": [job_id for job_id, _, _ in findings],
            "pairs": [pair_id for _, pair_id, _ in findings],
            "codes": [finding.code for _, _, finding in findings],
            "details": [finding.detail for _, _, finding in findings],
            "evidence": [orjson.dumps(dict(finding.evidence)).decode() for _, _, finding in findings],
        }
        await session.execute(_INSERT_FINDINGS, found)
    repairs = [(job_id, pair_id, repair) for job_id, pair_id, pair in pairs for repair in pair.repairs]
    if repairs:
        changed = {
            "jobs": [job_id for job_id, _, _ in repairs],
            "pairs": [pair_id for _, pair_id, _ in repairs],
            "rules": [repair.rule for _, _, repair in repairs],
            "a": [repair.before.instruction for _, _, repair in repairs],
            "b": [repair.before.response for _, _, repair in repairs],
            "c": [repair.after.instruction for _, _, repair in repairs],
            "d": [repair.after.response for _, _, repair in repairs],
        }
        await session.execute(_INSERT_REPAIRS, changed)


async def insert_rejections(
    session: AsyncSession, outcomes: Iterable[Outcome], tallies: Counter[tuple[int, str]]
) -> None:
    """Store what was refused, and count it."""
    rows = [(o, rejection, o.call_id) for o in outcomes for rejection in o.rejections]
    rows += [
        (o, rejection, reply.call_id)
        for o in outcomes
        if o.earlier and o.verdict is not None
        for reply in o.earlier
        for rejection in reply.rejections
    ]
    if not rows:
        return
    parameters = {
        "jobs": [o.job_id for o, _, _ in rows],
        "items": [o.item_id for o, _, _ in rows],
        "stages": [o.stage for o, _, _ in rows],
        "samples": [o.sample for o, _, _ in rows],
        "languages": [rejection.language for _, rejection, _ in rows],
        "reasons": [rejection.reason for _, rejection, _ in rows],
        "details": [rejection.detail for _, rejection, _ in rows],
        "instructions": [rejection.pair.instruction if rejection.pair else None for _, rejection, _ in rows],
        "responses": [rejection.pair.response if rejection.pair else None for _, rejection, _ in rows],
        "texts": [rejection.text or None for _, rejection, _ in rows],
        "calls": [call_id for _, _, call_id in rows],
    }
    await session.execute(_INSERT_REJECTIONS, parameters)
    for o, rejection, _ in rows:
        family = "rejected" if o.stage == "generate" else "refused"
        tallies[o.job_id, family] += 1
        tallies[o.job_id, f"{family}.{rejection.reason}"] += 1
