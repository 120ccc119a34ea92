"""Comparing the questions of a whole job: MinHash finds what may be alike, the questions themselves decide.

Every question is cut into shingles; the minimum hashes of these are taken in bands, and two questions that have a band
in common are looked at. A question that is written again word by word needs no look: its digest tells.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

from rensa import RMinHash

from app.pipeline.filtering.shingles import Shingles, measure_likeness, shingle_text
from app.services.claims import Claim
from app.store.job_rules import Comparison, Likeness, Question, mark_alike
from app.store.session import Sessions
from app.store.shards import hold_lease

log = logging.getLogger("syphus.comparing")

_HASHES, _SEED = 126, 7
_FEWEST_SHINGLES = 3
_QUESTIONS_AT_ONCE, _GROUPS_AT_ONCE, _MEMBERS_AT_ONCE, _FOUND_AT_ONCE = 2_000, 200, 2_000, 500
_MOST_LEADERS = 50  # of a group: beyond that a question is compared with the first ones only

Row = tuple[int, int, int | None, int, list[int]]
Group = tuple[list[int], list[tuple[int, Shingles]]]
"""Pairs whose questions may be alike, by id, and the leaders of those that were compared before."""


async def compare_job(sessions: Sessions, claim: Claim, owner: str, is_going: Callable[[], bool]) -> bool:
    """Whether the pass came to its end; what it finds is stored in batches, under the lease.

    Done twice it is done once, and two workers that are at it write the same.
    """
    plan = claim.job.filters
    severities = {} if plan is None else {code: severity.value for code, severity in plan.job_rules.items()}
    if plan is None or not severities:
        return True
    async with sessions() as session, session.begin():
        comparison = await Comparison.begin(session, claim.job.job_id)
        if not await _add_questions(comparison, choose_rows(plan.options.similarity), is_going):
            return False
        await comparison.close_questions()
        await _find_alike(comparison, plan.options.similarity)
        await comparison.close_alike()
        for code in severities:
            cursor = await comparison.open_found(code)
            while rows := await cursor.fetch(_FOUND_AT_ONCE):
                found = [Likeness(row[0], row[1], code, float(row[2])) for row in rows]
                if not is_going() or not await _mark(sessions, claim, owner, found, severities):
                    return False
    return True


def choose_rows(similarity: float) -> int:
    """Hashes in a band: so many that questions of this likeness have one in common in 99 of 100 cases or more."""
    if similarity >= 0.75:
        return 6
    return 4 if similarity >= 0.6 else 3


def sign_questions(questions: Iterable[Question], rows: int) -> list[Row]:
    """Questions with the digest of their shingles and the keys of their bands; short ones are left out."""
    signed = []
    for question in questions:
        cut = shingle_text(question.text)
        shingles = sorted(each if isinstance(each, str) else " ".join(each) for each in cut)
        if len(shingles) < _FEWEST_SHINGLES:
            continue
        minhash = RMinHash(num_perm=_HASHES, seed=_SEED)
        minhash.update(shingles)
        hashes = minhash.digest()
        keys = [hash((start, *hashes[start : start + rows])) for start in range(0, _HASHES - rows + 1, rows)]
        digest = blake2b("\n".join(shingles).encode(), digest_size=8).digest()
        whole = int.from_bytes(digest, "big", signed=True)
        signed.append((question.pair_id, question.item_id, question.image_set, whole, keys))
    return signed


def find_alike(
    members: Iterable[tuple[int, Shingles]], leaders: list[tuple[int, Shingles]], similarity: float
) -> list[tuple[int, int, float]]:
    """Of questions as (digest, shingles), in order: (earlier, later, likeness) of each that is like an earlier one.

    leaders: those of earlier members that were like none before; new ones are added
    """
    alike = []
    for digest, shingles in members:
        for leading, others in leaders:
            likeness = measure_likeness(shingles, others)
            if likeness >= similarity:
                alike.append((leading, digest, likeness))
                break
        else:
            if len(leaders) < _MOST_LEADERS:
                leaders.append((digest, shingles))
    return alike


async def _add_questions(comparison: Comparison, rows: int, is_going: Callable[[], bool]) -> bool:
    after = 0
    while questions := await comparison.read_questions(after, _QUESTIONS_AT_ONCE):
        if not is_going():
            return False
        after = questions[-1].pair_id
        await comparison.add(await asyncio.to_thread(sign_questions, questions, rows))
    return True


async def _find_alike(comparison: Comparison, similarity: float) -> None:
    """Group by group; of a large one a part of its texts is in memory at a time."""
    cursor = await comparison.open_groups()
    while groups := await cursor.fetch(_GROUPS_AT_ONCE):
        small = [list(row[0]) for row in groups if len(row[0]) <= _MEMBERS_AT_ONCE]
        await _compare(comparison, [(group, []) for group in small], similarity)
        for row in groups:
            if len(row[0]) > _MEMBERS_AT_ONCE:
                leaders: list[tuple[int, Shingles]] = []
                for start in range(0, len(row[0]), _MEMBERS_AT_ONCE):
                    part = list(row[0][start : start + _MEMBERS_AT_ONCE])
                    await _compare(comparison, [(part, leaders)], similarity)


async def _compare(comparison: Comparison, groups: Sequence[Group], similarity: float) -> None:
    texts = await comparison.read_texts(sorted({pair_id for members, _ in groups for pair_id in members}))
    alike = await asyncio.to_thread(_compare_groups, groups, texts, similarity)
    if alike:
        await comparison.add_alike(alike)


def _compare_groups(
    groups: Sequence[Group], texts: dict[int, tuple[int, str]], similarity: float
) -> list[tuple[int, int, float]]:
    shingled = {pair_id: (digest, shingle_text(said)) for pair_id, (digest, said) in texts.items()}
    found: dict[tuple[int, int], float] = {}
    for group, leaders in groups:
        members = [shingled[pair_id] for pair_id in group if pair_id in shingled]
        found |= {(one, other): likeness for one, other, likeness in find_alike(members, leaders, similarity)}
    return [(one, other, likeness) for (one, other), likeness in found.items()]


async def _mark(
    sessions: Sessions, claim: Claim, owner: str, found: Sequence[Likeness], severities: dict[str, str]
) -> bool:
    async with sessions.begin() as session:
        if not await hold_lease(session, claim.lease, owner):
            return False
        await mark_alike(session, claim.job.job_id, found, severities)
    return True
