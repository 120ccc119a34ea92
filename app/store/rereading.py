"""Units of work that a stored reply decided, with all that it led to: what a rerun compares a new reading with."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Finding, Pair, Rejection, Repair
from app.store.kept import IS_KEPT
from app.store.reading import AnyRow


@dataclass(frozen=True, slots=True)
class KnownPair:
    """An English pair as it stands.

    origin: what the model wrote
    repairs: what rules made of that when it was stored
    is_kept: whether a person, or a person's rule, has decided about it or about a translation of it
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


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """An item whose state a stored reply decided, by that reply.

    free_ordinal: the first that no pair of the item has, whatever call it came with
    """

    item_id: int
    position: int
    sample: int
    sentences: str
    image_ids: tuple[str, ...]
    call_id: int
    raw: bytes
    state: str
    code: str | None
    detail: str | None
    pairs: tuple[KnownPair, ...]
    rejections: tuple[Rejection, ...]
    free_ordinal: int


_UNITS = text(
    """
    SELECT i.id, i.position, st.sample, i.sentences, i.image_ids, st.call_id, c.raw, st.state, st.code, st.detail
    FROM item i
    JOIN item_state st ON st.job_id = :job_id AND st.stage = 'generate' AND st.item_id = i.id
        AND st.state IN ('done', 'failed')
    JOIN call c ON c.id = st.call_id AND c.raw IS NOT NULL AND c.state IN ('ok', 'recovered')
    WHERE i.dataset_id = :dataset_id AND i.position = ANY(:positions)
    ORDER BY i.position, st.sample
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
    SELECT item_id, call_id, reason, detail, instruction, response, text FROM rejection
    WHERE job_id = :job_id AND item_id = ANY(:items) AND stage = 'generate' ORDER BY id
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
    """The units of these positions that a stored reply decided, in order; others are left out."""
    parameters = {"job_id": job_id, "dataset_id": dataset_id, "positions": list(positions)}
    rows = (await session.execute(_UNITS, parameters)).all()
    items = {"job_id": job_id, "items": [row[0] for row in rows]}
    pairs = (await session.execute(_PAIRS, items)).all() if rows else []
    known = await _know_pairs(session, pairs)
    rejections: dict[tuple[int, int | None], list[Rejection]] = defaultdict(list)
    for row in (await session.execute(_REJECTIONS, items)) if rows else ():
        rejections[row.item_id, row.call_id].append(_to_rejection(row))
    last: dict[int, int] = {}
    for row in pairs:
        last[row.item_id] = max(last.get(row.item_id, -1), row.ordinal)
    return [
        ReadUnit(
            row[0], row[1], row[2], row[3], tuple(row[4]), row[5], row[6], row[7], row[8], row[9],
            tuple(known[row[0], row[5]]),
            tuple(rejections[row[0], row[5]]),
            last.get(row[0], -1) + 1,
        )
        for row in rows
    ]  # fmt: skip


async def _know_pairs(session: AsyncSession, rows: Sequence[AnyRow]) -> dict[tuple[int, int | None], list[KnownPair]]:
    edits: dict[int, list[AnyRow]] = defaultdict(list)
    findings: dict[int, list[Finding]] = defaultdict(list)
    edited = [row.id for row in rows if row.has_edits]
    flagged = [row.id for row in rows if row.has_flags]
    for row in (await session.execute(_EDITS, {"ids": edited})) if edited else ():
        edits[row.pair_id].append(row)
    for row in (await session.execute(_FINDINGS, {"ids": flagged})) if flagged else ():
        findings[row.pair_id].append(Finding(row.code, row.detail, row.evidence))
    known: dict[tuple[int, int | None], list[KnownPair]] = defaultdict(list)
    for row in rows:
        texts = Pair(row.instruction, row.response, row.conversation)
        changes = edits.get(row.id, [])
        known[row.item_id, row.call_id].append(
            KnownPair(
                row.id, row.ordinal, row.conversation, texts, row.status, tuple(row.flags),
                _before(changes[0], row.conversation) if changes else texts,
                tuple(findings.get(row.id, ())),
                tuple(_to_repair(change, row.conversation) for change in changes if change.kind == "repair"),
                row.is_kept,
            )
        )  # fmt: skip
    return known


def _before(change: AnyRow, conversation: int) -> Pair:
    return Pair(change.instruction_before, change.response_before, conversation)


def _to_repair(change: AnyRow, conversation: int) -> Repair:
    after = Pair(change.instruction_after, change.response_after, conversation)
    return Repair(change.rule or "", _before(change, conversation), after)


def _to_rejection(row: AnyRow) -> Rejection:
    pair = None if row.instruction is None or row.response is None else Pair(row.instruction, row.response)
    return Rejection(row.reason, row.detail, row.text or "", pair)
