"""Pairs of a job compared with all others of it: tables of a pass, what it found, and taking that back.

The pass has a shard of its own, so that one worker at a time is at it and its death loses nothing but time. What it
needs in between lies in temporary tables: memory does not grow with the job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES
from app.store.edits import Change, lock_pairs, write_changes
from app.store.kept import IS_KEPT
from app.store.session import driver_connection
from app.store.shards import COMPARE_SEQ

TIMEOUT_S = 6 * 3600.0

_ORDER = text(
    f"""
    INSERT INTO shard (job_id, seq, stage, state, positions)
    VALUES (:job_id, {COMPARE_SEQ}, 'generate', 'ready', '{{}}')
    ON CONFLICT (job_id, seq) DO NOTHING RETURNING id
    """  # noqa: S608  # only constants are put in
)
_DROP = text(f"DELETE FROM shard WHERE job_id = :job_id AND seq = {COMPARE_SEQ}")  # noqa: S608  # a constant
_MARKED = text(
    """
    SELECT pair_id, bool_or(evidence->>'severity' = 'reject') FROM pair_finding
    WHERE job_id = :job_id AND code = ANY(:codes) GROUP BY pair_id ORDER BY pair_id LIMIT :most
    """
)
_FORGET = text("DELETE FROM pair_finding WHERE pair_id = ANY(:ids) AND code = ANY(:codes)")
_INSERT = text(
    """
    INSERT INTO pair_finding (job_id, pair_id, code, detail, evidence)
    SELECT :job_id, * FROM unnest(CAST(:pairs AS bigint[]), CAST(:codes AS text[]), CAST(:details AS text[]),
        CAST(:evidence AS jsonb[]))
    """
)
_KEPT = text(f"SELECT p.id FROM pair p WHERE p.id = ANY(:ids) AND {IS_KEPT.format(pair='p')}")  # noqa: S608  # constants
_BATCH = 1_000
_WORK_MEMORY = text("SET LOCAL work_mem = '64MB'")

_CREATE = """
    CREATE TEMPORARY TABLE asked (
        pair_id bigint, item_id bigint, image_set bigint, digest bigint, keys bigint[]
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE alike (earlier bigint, later bigint, likeness real) ON COMMIT DROP;
"""
_QUESTIONS = """
    SELECT p.id, p.item_id, i.image_set, p.instruction FROM pair p JOIN item i ON i.id = p.item_id
    WHERE p.job_id = $1 AND p.language = 'en' AND p.status <> 'rejected' AND p.id > $2 ORDER BY p.id LIMIT $3
"""
_LEADERS = """
    CREATE TEMPORARY TABLE leader ON COMMIT DROP AS
        SELECT DISTINCT ON (digest) digest, pair_id, item_id, keys FROM asked ORDER BY digest, pair_id;
    ANALYZE asked; ANALYZE leader;
"""
_GROUPS = """
    SELECT array_agg(pair_id ORDER BY pair_id) FROM leader CROSS JOIN LATERAL unnest(keys) AS key
    GROUP BY key HAVING count(*) > 1
"""
_TEXTS = (
    "SELECT l.pair_id, l.digest, p.instruction FROM leader l JOIN pair p ON p.id = l.pair_id WHERE l.pair_id = ANY($1)"
)
_KNOW_LEADERS = """
    CREATE INDEX ON leader (pair_id); ANALYZE leader;
"""
_JOIN_ALIKE = """
    INSERT INTO alike SELECT digest, digest, 1 FROM leader;
    CREATE TEMPORARY TABLE likeness ON COMMIT DROP AS
        SELECT earlier, later, max(likeness) AS likeness FROM (
            SELECT earlier, later, likeness FROM alike UNION ALL SELECT later, earlier, likeness FROM alike
        ) AS both_ways GROUP BY 1, 2;
    ANALYZE likeness;
"""
_IN_IMAGE = """
    SELECT DISTINCT ON (b.pair_id) b.pair_id, a.pair_id AS other_id, l.likeness
    FROM asked b JOIN likeness l ON l.later = b.digest
    JOIN asked a ON a.digest = l.earlier AND a.image_set = b.image_set AND a.pair_id < b.pair_id
        AND a.item_id <> b.item_id
    ORDER BY b.pair_id, a.pair_id
"""
_IN_JOB = """
    SELECT b.pair_id, f.pair_id AS other_id, f.likeness
    FROM asked b JOIN (
        SELECT DISTINCT ON (l.later) l.later AS digest, d.pair_id, d.item_id, l.likeness
        FROM likeness l JOIN leader d ON d.digest = l.earlier ORDER BY l.later, d.pair_id
    ) f ON f.digest = b.digest AND f.pair_id < b.pair_id AND f.item_id <> b.item_id
"""
_FOUND = {"similar_in_image": _IN_IMAGE, "similar_in_dataset": _IN_JOB}


@dataclass(frozen=True, slots=True)
class Question:
    """The instruction of a pair, with the item it is about and the pictures that shows (None: none)."""

    pair_id: int
    item_id: int
    image_set: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """A pair that is much like an earlier one, by which rule; `likeness` is from 0 to 1."""

    pair_id: int
    other_id: int
    code: str
    likeness: float


class Comparison:
    """The temporary tables of one pass, in one transaction that only reads what is stored."""

    def __init__(self, connection: Any, job_id: int) -> None:
        self._connection = connection
        self._job_id = job_id

    @classmethod
    async def begin(cls, session: AsyncSession, job_id: int) -> "Comparison":
        await session.execute(_WORK_MEMORY)  # the driver is in no transaction before
        connection = await driver_connection(session)
        await connection.execute(_CREATE)
        return cls(connection, job_id)

    async def read_questions(self, after: int, most: int) -> list[Question]:
        """English pairs of the job that were not rejected, by id, beyond the id `after`."""
        rows = await self._connection.fetch(_QUESTIONS, self._job_id, after, most, timeout=TIMEOUT_S)
        return [Question(*row) for row in rows]

    async def add(self, rows: Sequence[tuple[int, int, int | None, int, list[int]]]) -> None:
        """Keep questions as (pair, item, image set, digest, keys)."""
        columns = ["pair_id", "item_id", "image_set", "digest", "keys"]
        await self._connection.copy_records_to_table("asked", records=rows, columns=columns, timeout=TIMEOUT_S)

    async def close_questions(self) -> None:
        """Find the first question of each digest: the others of it need no comparison."""
        await self._connection.execute(_LEADERS, timeout=TIMEOUT_S)
        await self._connection.execute(_KNOW_LEADERS, timeout=TIMEOUT_S)

    async def open_groups(self) -> Any:
        """A cursor over lists of pair ids whose questions have a key in common."""
        return await self._connection.cursor(_GROUPS, timeout=TIMEOUT_S)

    async def read_texts(self, pair_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
        """pair id -> (digest, instruction)."""
        rows = await self._connection.fetch(_TEXTS, list(pair_ids), timeout=TIMEOUT_S)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def add_alike(self, rows: Sequence[tuple[int, int, float]]) -> None:
        """Keep what was found alike, as (digest, digest, likeness)."""
        columns = ["earlier", "later", "likeness"]
        await self._connection.copy_records_to_table("alike", records=rows, columns=columns, timeout=TIMEOUT_S)

    async def close_alike(self) -> None:
        await self._connection.execute(_JOIN_ALIKE, timeout=TIMEOUT_S)

    async def open_found(self, code: str) -> Any:
        """A cursor over (pair, earlier pair, likeness) of what a rule finds; each pair but the first of its like."""
        return await self._connection.cursor(_FOUND[code], timeout=TIMEOUT_S)


async def order_comparison(session: AsyncSession, job_id: int) -> bool:
    """Make the pass due, once; False where it was ordered before."""
    return (await session.execute(_ORDER, {"job_id": job_id})).first() is not None


async def mark_alike(
    session: AsyncSession, job_id: int, found: Sequence[Likeness], severities: Mapping[str, str]
) -> int:
    """Store what was found, and flag or reject the pairs, but for those that people decided about; answers how many."""
    ids = sorted({each.pair_id for each in found})
    pairs = await lock_pairs(session, ids)
    kept = set((await session.execute(_KEPT, {"ids": ids})).scalars())
    fresh = [each for each in found if each.pair_id in pairs and each.pair_id not in kept]
    by_pair: dict[int, list[Likeness]] = {}
    for each in fresh:
        by_pair.setdefault(each.pair_id, []).append(each)
    changes = []
    for pair_id, several in by_pair.items():
        pair = pairs[pair_id]
        is_rejected = any(severities[each.code] == "reject" for each in several)
        flags = tuple(dict.fromkeys((*pair.flags, *(each.code for each in several))))
        changes.append(Change(pair, status="rejected" if is_rejected else "flagged", flags=flags))
    await write_changes(session, changes)
    await session.execute(_FORGET, {"ids": sorted(by_pair), "codes": sorted({each.code for each in fresh})})
    await _insert(session, job_id, fresh, severities)
    return len(changes)


async def forget_job_rules(session: AsyncSession, job_id: int) -> None:
    """Take back what comparisons found in a job, so that they are made again at its end."""
    await session.execute(_DROP, {"job_id": job_id})
    codes = list(JOB_RULES)
    while rows := (await session.execute(_MARKED, {"job_id": job_id, "codes": codes, "most": _BATCH})).all():
        rejected = {row[0] for row in rows if row[1]}
        pairs = await lock_pairs(session, [row[0] for row in rows])
        changes = []
        for pair_id, pair in pairs.items():
            flags = tuple(flag for flag in pair.flags if flag not in JOB_RULES)
            status = pair.status
            if status == "flagged" or (status == "rejected" and pair_id in rejected and not pair.is_reviewed):
                status = "flagged" if flags else "accepted"
            changes.append(Change(pair, status=status, flags=flags))
        await write_changes(session, changes)
        await session.execute(_FORGET, {"ids": sorted(row[0] for row in rows), "codes": codes})


async def _insert(session: AsyncSession, job_id: int, found: Sequence[Likeness], severities: Mapping[str, str]) -> None:
    if not found:
        return
    parameters = {
        "job_id": job_id,
        "pairs": [each.pair_id for each in found],
        "codes": [each.code for each in found],
        "details": [f"{each.likeness:.0%} like an earlier instruction" for each in found],
        "evidence": [
            orjson.dumps(
                {"pair": each.other_id, "likeness": round(each.likeness, 3), "severity": severities[each.code]}
            ).decode()
            for each in found
        ],
    }
    await session.execute(_INSERT, parameters)
