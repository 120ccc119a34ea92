"""Comparing the questions of a whole job: a worker marks what is found, a preview only tells it."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence

from app.pipeline.alike import Leaders, Member, choose_rows, count_bands, find_alike, sign_texts
from app.pipeline.filtering import FilterPlan
from app.store.comparisons import TIMEOUT_S, Comparison, Question, SignedQuestion

POSITIONS_AT_ONCE = 400
"""Items whose questions are read and signed together."""

_GROUPS_AT_ONCE, _MEMBERS_AT_ONCE = 1_000, 2_000

Group = tuple[list[int], Leaders]
"""Questions that may be alike, by place, and the leaders of those that were compared before."""


def go_on() -> bool:
    """For a comparison that nobody stops."""
    return True


async def compare_questions(
    comparison: Comparison,
    batches: AsyncIterable[Sequence[Question]],
    plan: FilterPlan,
    is_going: Callable[[], bool] = go_on,
) -> bool:
    """Whether all questions were compared; `comparison` then has what the rules of the job find.

    Signing and comparing run beside the event loop, a batch at a time.
    """
    similarity = plan.options.similarity
    rows = choose_rows(similarity)
    async for questions in batches:
        if not is_going():
            return False
        await comparison.add(await asyncio.to_thread(sign_questions, questions, rows))
    await comparison.close_questions()
    for band in range(count_bands(rows)):
        if not is_going():
            return False
        await _compare_band(comparison, band, similarity)
    await comparison.close_alike(plan.job_rules)
    return True


def sign_questions(questions: Sequence[Question], rows: int) -> list[SignedQuestion]:
    """Questions with their digests, keys and marks; short ones are left out."""
    signatures = sign_texts([question.text for question in questions], rows)
    return [
        (question.pair_id, question.item_id, question.image_set, signed.digest, signed.keys, signed.marks)
        for question, signed in zip(questions, signatures, strict=True)
        if signed is not None
    ]


async def _compare_band(comparison: Comparison, band: int, similarity: float) -> None:
    """Group by group; of a large one a part is in memory at a time."""
    cursor = await comparison.open_groups(band)
    while rows := await cursor.fetch(_GROUPS_AT_ONCE, timeout=TIMEOUT_S):
        waiting: list[Group] = []
        for (places,) in rows:
            leaders = Leaders(similarity)
            for start in range(0, len(places), _MEMBERS_AT_ONCE):
                waiting.append((places[start : start + _MEMBERS_AT_ONCE], leaders))
                if sum(len(part) for part, _ in waiting) >= _MEMBERS_AT_ONCE:
                    await _compare(comparison, waiting)
                    waiting = []
        await _compare(comparison, waiting)


async def _compare(comparison: Comparison, groups: Sequence[Group]) -> None:
    known = await comparison.read_marks(sorted({place for places, _ in groups for place in places}))
    await comparison.add_alike(await asyncio.to_thread(_compare_groups, groups, known))


def _compare_groups(groups: Iterable[Group], known: dict[int, Member]) -> list[tuple[int, int, float]]:
    found: dict[tuple[int, int], float] = {}
    for places, leaders in groups:
        alike = find_alike([known[place] for place in places], leaders)
        found |= {(earlier, later): likeness for earlier, later, likeness in alike}
    return [(earlier, later, likeness) for (earlier, later), likeness in found.items()]
