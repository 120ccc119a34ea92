"""Units of work that stored replies decided, with all that these led to: what a rerun compares a new reading with."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Finding, Pair, Rejection, Repair
from app.store.kept import IS_KEPT
from app.store.outcomes import GROUNDING
from app.store.reading import AnyRow


@dataclass(frozen=True, slots=True)
class KnownPair:
    """An English pair as it stands.

    origin: what the model wrote
    repairs: what rules made of that when it was stored
    is_kept: whether a person, or a person's rule, has decided about it or about a translation of it
    call_id: the call that brought it; None is the one that decided its unit
    """

    id: int
    ordinal: int
    conversation: int
    texts: Pair
    status: str
    flags: tuple[str, ...]
    origin: Pair
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    is_kept: bool = False
    call_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The raw body of a reply, and the call that brought it."""

    call_id: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """An item that ended, with the stored replies that count of it.

    call_id: the reply that ended it
    replies: in the order of their calls; those that were superseded are left out
    free_ordinal: the first that no pair of the item has, whatever call it came with
    most_pairs: how many it may have, where the job's target left no room for more
    """

    item_id: int
    position: int
    sample: int
    sentences: str
    image_ids: tuple[str, ...]
    call_id: int
    replies: tuple[StoredReply, ...]
    state: str
    code: str | None
    detail: str | None
    pairs: tuple[KnownPair, ...]
    rejections: tuple[Rejection, ...]
    free_ordinal: int
    most_pairs: int | None = None


_UNITS = text(
    """
    SELECT i.id, i.position, st.sample, i.sentences, i.image_ids, st.call_id, st.state, st.code, st.detail
    FROM item i
    JOIN item_state st ON st.job_id = :job_id AND st.stage = 'generate' AND st.item_id = i.id AND st.sample = 0
        AND st.state IN ('done', 'failed', 'skipped') AND st.call_id IS NOT NULL
    WHERE i.dataset_id = :dataset_id AND i.position = ANY(:positions)
    ORDER BY i.position
    """
)
_REPLIES = text(
    """
    SELECT id, item_id, raw, most_pairs FROM call
    WHERE job_id = :job_id AND item_id = ANY(:items) AND stage = 'generate' AND sample = 0 AND raw IS NOT NULL
        AND state IN ('ok', 'recovered')
    ORDER BY id
    """
)
_PAIRS = text(
    f"""
    SELECT p.id, p.item_id, p.call_id, p.ordinal, p.conversation, p.instruction, p.response, p.status, p.flags,
        ({IS_KEPT.format(pair="p")} OR EXISTS (
            SELECT 1 FROM pair o WHERE o.translation_of = p.id AND {IS_KEPT.format(pair="o")})) AS is_kept,
        EXISTS (SELECT 1 FROM pair_edit e WHERE e.pair_id = p.id) AS has_edits, p.flags <> '{{}}' AS has_flags
    FROM pair p
    WHERE p.job_id = :job_id AND p.item_id = ANY(:items) AND p.language = 'en'
    ORDER BY p.item_id, p.ordinal
    """  # noqa: S608  # only constants are put in
)
_EDITS = text(
    """
    SELECT pair_id, kind, rule, instruction_before, response_before, instruction_after, response_after
    FROM pair_edit WHERE pair_id = ANY(:ids) ORDER BY pair_id, id
    """
)
_FINDINGS = text("SELECT pair_id, code, detail, evidence FROM pair_finding WHERE pair_id = ANY(:ids) ORDER BY id")
_REJECTIONS = text(
    """
    SELECT r.item_id, r.reason, r.detail, r.instruction, r.response, r.text
    FROM rejection r LEFT JOIN call c ON c.id = r.call_id
    WHERE r.job_id = :job_id AND r.item_id = ANY(:items) AND r.stage = 'generate'
        AND c.state IS DISTINCT FROM 'superseded'
    ORDER BY r.id
    """
)
_LOCK = text(
    "SELECT 1 FROM pair WHERE job_id = :job_id AND item_id = ANY(:items) AND language = 'en' ORDER BY id "
    "FOR NO KEY UPDATE"
)
_POSITIONS = text("SELECT unnest(positions) FROM shard WHERE job_id = :job_id AND seq >= 0 ORDER BY 1")


async def list_positions(session: AsyncSession, job_id: int) -> list[int]:
    """The places of all items of a job in its dataset, in order."""
    return list((await session.execute(_POSITIONS, {"job_id": job_id})).scalars())


async def lock_items(session: AsyncSession, job_id: int, items: Sequence[int]) -> None:
    """Hold the English pairs of items until commit, so that what is read then is what is changed."""
    await session.execute(_LOCK, {"job_id": job_id, "items": list(items)})


async def read_units(session: AsyncSession, job_id: int, dataset_id: int, positions: Sequence[int]) -> list[ReadUnit]:
    """The units of these positions that stored replies decided, in order; others are left out."""
    parameters = {"job_id": job_id, "dataset_id": dataset_id, "positions": list(positions)}
    rows = (await session.execute(_UNITS, parameters)).all()
    if not rows:
        return []
    items = {"job_id": job_id, "items": [row.id for row in rows]}
    replies: dict[int, list[AnyRow]] = defaultdict(list)
    for row in await session.execute(_REPLIES, items):
        replies[row.item_id].append(row)
    pairs = (await session.execute(_PAIRS, items)).all()
    known = await _know_pairs(session, pairs)
    rejections: dict[int, list[Rejection]] = defaultdict(list)
    for row in await session.execute(_REJECTIONS, items):
        rejections[row.item_id].append(_to_rejection(row))
    return [_to_unit(row, replies[row.id], known[row.id], rejections[row.id]) for row in rows if replies[row.id]]


def _to_unit(
    row: AnyRow, replies: Sequence[AnyRow], pairs: Sequence[KnownPair], rejections: Sequence[Rejection]
) -> ReadUnit:
    """What stands of an item; pairs that other calls brought are left alone."""
    calls = {reply.id for reply in replies}
    return ReadUnit(
        item_id=row.id,
        position=row.position,
        sample=row.sample,
        sentences=row.sentences,
        image_ids=tuple(row.image_ids),
        call_id=row.call_id if row.call_id in calls else replies[-1].id,
        replies=tuple(StoredReply(reply.id, reply.raw) for reply in replies),
        state=row.state,
        code=row.code,
        detail=row.detail,
        pairs=tuple(pair for pair in pairs if pair.call_id in calls),
        rejections=tuple(rejections),
        free_ordinal=1 + max((pair.ordinal for pair in pairs), default=-1),
        most_pairs=min((reply.most_pairs for reply in replies if reply.most_pairs is not None), default=None),
    )


async def _know_pairs(session: AsyncSession, rows: Sequence[AnyRow]) -> dict[int, list[KnownPair]]:
    """Pairs by their item."""
    edits: dict[int, list[AnyRow]] = defaultdict(list)
    findings: dict[int, list[Finding]] = defaultdict(list)
    edited = [row.id for row in rows if row.has_edits]
    flagged = [row.id for row in rows if row.has_flags]
    for row in (await session.execute(_EDITS, {"ids": edited})) if edited else ():
        edits[row.pair_id].append(row)
    for row in (await session.execute(_FINDINGS, {"ids": flagged})) if flagged else ():
        findings[row.pair_id].append(Finding(row.code, row.detail, row.evidence))
    known: dict[int, list[KnownPair]] = defaultdict(list)
    for row in rows:
        texts = Pair(row.instruction, row.response, row.conversation)
        changes = edits.get(row.id, [])
        known[row.item_id].append(
            KnownPair(
                row.id, row.ordinal, row.conversation, texts, row.status, tuple(row.flags),
                _find_origin(changes, texts),
                tuple(findings.get(row.id, ())),
                tuple(_to_repair(change, row.conversation) for change in changes if change.kind == "repair"),
                row.is_kept,
                row.call_id,
            )
        )  # fmt: skip
    return known


def _find_origin(changes: Sequence[AnyRow], texts: Pair) -> Pair:
    """What the model wrote; a pair that mends another was written as it stood after that.

    The changes are followed back from what stands now. Those before a break are of texts that a rerun replaced.
    """
    for change in reversed(changes):
        is_written = change.kind == "repair" and change.rule == GROUNDING
        if is_written or _after(change, texts.conversation) != texts:
            break
        texts = _before(change, texts.conversation)
    return texts


def _before(change: AnyRow, conversation: int) -> Pair:
    return Pair(change.instruction_before, change.response_before, conversation)


def _after(change: AnyRow, conversation: int) -> Pair:
    return Pair(change.instruction_after, change.response_after, conversation)


def _to_repair(change: AnyRow, conversation: int) -> Repair:
    return Repair(change.rule or "", _before(change, conversation), _after(change, conversation))


def _to_rejection(row: AnyRow) -> Rejection:
    pair = None if row.instruction is None or row.response is None else Pair(row.instruction, row.response)
    return Rejection(row.reason, row.detail, row.text or "", pair)
