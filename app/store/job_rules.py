"""What the rules that compare a whole job found about its pairs: ordering the pass, its marks, and taking these back.

The pass has a shard of its own, so that one worker at a time is at it and its death loses nothing but time.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES
from app.store.comparisons import Likeness, describe_likeness
from app.store.edits import Change, StoredPair, lock_pairs, write_changes
from app.store.kept import IS_DECIDED
from app.store.shards import COMPARE_SEQ

_ORDER = text(
    f"""
    INSERT INTO shard (job_id, seq, stage, state, positions)
    VALUES (:job_id, {COMPARE_SEQ}, 'generate', 'ready', '{{}}')
    ON CONFLICT (job_id, seq) DO NOTHING RETURNING id
    """  # noqa: S608  # only constants are put in
)
_DROP = text(f"DELETE FROM shard WHERE job_id = :job_id AND seq = {COMPARE_SEQ}")  # noqa: S608  # a constant
# Before any roll-up is touched: whoever reviews a pair takes the pair first, and the roll-ups then.
_LOCK_MARKED = text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM pair WHERE id IN (SELECT pair_id FROM pair_finding WHERE job_id = :job_id AND code = ANY(:codes))
        ORDER BY id FOR NO KEY UPDATE
    ) AS held
    """
)
_MARKED = text(
    f"""
    SELECT DISTINCT f.pair_id FROM pair_finding f JOIN pair p ON p.id = f.pair_id
    WHERE f.job_id = :job_id AND f.code = ANY(:codes) AND f.pair_id > :after AND NOT {IS_DECIDED.format(pair="p")}
    ORDER BY f.pair_id LIMIT :most
    """  # noqa: S608  # only constants are put in
)
_FORGET = text("DELETE FROM pair_finding WHERE pair_id = ANY(:ids) AND code = ANY(:codes)")
_INSERT = text(
    """
    INSERT INTO pair_finding (job_id, pair_id, code, detail, evidence)
    SELECT :job_id, * FROM unnest(CAST(:pairs AS bigint[]), CAST(:codes AS text[]), CAST(:details AS text[]),
        CAST(:evidence AS jsonb[]))
    """
)
_DECIDED = text(
    f"SELECT p.id FROM pair p WHERE p.id = ANY(:ids) AND {IS_DECIDED.format(pair='p')}"  # noqa: S608  # constants
)
_BATCH = 1_000


async def order_comparison(session: AsyncSession, job_id: int) -> bool:
    """Make the pass due, once; False where it was ordered before."""
    return (await session.execute(_ORDER, {"job_id": job_id})).first() is not None


async def mark_alike(
    session: AsyncSession, job_id: int, found: Sequence[Likeness], severities: Mapping[str, str]
) -> int:
    """Store all that was found about some pairs, and flag or reject them; answers how many.

    Those that people decided about stay as they are.
    """
    ids = sorted({each.pair_id for each in found})
    pairs = await _lock_undecided(session, ids)
    fresh = [each for each in found if each.pair_id in pairs]
    by_pair: dict[int, list[str]] = {}
    for each in fresh:
        by_pair.setdefault(each.pair_id, []).append(each.code)
    changes = []
    for pair_id, codes in by_pair.items():
        pair = pairs[pair_id]
        is_rejected = any(severities[code] == "reject" for code in codes)
        flags = (*_bare(pair.flags), *codes)
        changes.append(Change(pair, status="rejected" if is_rejected else "flagged", flags=flags))
    await write_changes(session, changes)
    await session.execute(_FORGET, {"ids": sorted(by_pair), "codes": list(JOB_RULES)})
    await _insert(session, job_id, fresh, severities)
    return len(changes)


async def forget_job_rules(session: AsyncSession, job_id: int) -> None:
    """Take back what comparisons found in a job, so that they are made again at its end.

    What they found about pairs that people decided about stays.
    """
    await session.execute(_DROP, {"job_id": job_id})
    codes, after = list(JOB_RULES), 0
    await session.execute(_LOCK_MARKED, {"job_id": job_id, "codes": codes})
    while True:
        parameters = {"job_id": job_id, "codes": codes, "after": after, "most": _BATCH}
        ids = list((await session.execute(_MARKED, parameters)).scalars())
        if not ids:
            return
        after = ids[-1]
        pairs = await _lock_undecided(session, ids)
        bare = [(pair, _bare(pair.flags)) for pair in pairs.values()]
        changes = [Change(pair, status="flagged" if flags else "accepted", flags=flags) for pair, flags in bare]
        await write_changes(session, changes)
        await session.execute(_FORGET, {"ids": list(pairs), "codes": codes})


async def _lock_undecided(session: AsyncSession, ids: Sequence[int]) -> dict[int, StoredPair]:
    """Lock pairs; those that are gone, or that people decided about, are left out."""
    pairs = await lock_pairs(session, ids)
    decided = set((await session.execute(_DECIDED, {"ids": list(ids)})).scalars())
    return {pair_id: pair for pair_id, pair in pairs.items() if pair_id not in decided}


def _bare(flags: Iterable[str]) -> tuple[str, ...]:
    """Without those that rules of the whole job gave."""
    return tuple(flag for flag in flags if flag not in JOB_RULES)


async def _insert(session: AsyncSession, job_id: int, found: Sequence[Likeness], severities: Mapping[str, str]) -> None:
    if not found:
        return
    parameters = {
        "job_id": job_id,
        "pairs": [each.pair_id for each in found],
        "codes": [each.code for each in found],
        "details": [describe_likeness(each) for each in found],
        "evidence": [
            orjson.dumps(
                {"pair": each.other_id, "likeness": round(each.likeness, 3), "severity": severities[each.code]}
            ).decode()
            for each in found
        ],
    }
    await session.execute(_INSERT, parameters)
