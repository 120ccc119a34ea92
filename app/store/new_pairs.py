"""New pairs, what is known of them, and what was refused: inserted many at once, and counted."""

from collections import Counter
from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Pair
from app.store.outcomes import NewPair, Outcome
from app.store.queue_tallies import count_pair
from app.store.sources import NewTranslation, Sources, find_replaced, lock_sources, mark_outdated, replace_translations

PairPlace = tuple[int, int, int, str]

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
