"""Counting: what a run does once it is in hand. Meant for a process of its own, since it reads every pair of a job.

A job is counted from its rows; a dataset, or everything, is added up from its jobs, but for what does not add up.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic_s
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.statistics.figures import SIDES, TextCounts, add_parts, describe_figures, make_empty_parts, make_parts
from app.pipeline.statistics.roots import Root, RootCounts
from app.store import figures as rows
from app.store.jobs import get_job
from app.store.session import Sessions
from app.store.statistics import CountLease, Scope, finish_count, order_count, read_statistic, write_statistic

Parse = Callable[[Iterable[str]], Iterator[Root | None]]
"""Finds the root of each English sentence, in order."""

log = logging.getLogger("syphus.counting")


@dataclass(frozen=True, slots=True)
class Counted:
    """What is to be stored of a scope; `next_scopes` are those to be counted after it."""

    as_of: datetime
    figures: dict[str, Any]
    uniques: dict[str, int]
    parts: dict[str, Any] | None = None
    next_scopes: tuple[Scope, ...] = ()


async def count_figures(sessions: Sessions, lease: CountLease, sample: int, load_parser: Callable[[], Parse]) -> bool:
    """Count a scope and store its figures; False where the lease was lost meanwhile and nothing was written.

    sample: pairs of a job whose sentences are parsed at most, about; load_parser: called only where there are any.
    """
    began_s = monotonic_s()
    if lease.scope.kind == "job":
        counted = await _count_job(sessions, lease.scope, sample, load_parser)
    else:
        counted = await _add_up(sessions, lease.scope)
    took_s = round(monotonic_s() - began_s, 3)
    async with sessions.begin() as session:
        if not await finish_count(session, lease):
            return False
        await _store(session, lease.scope, counted, took_s)
        for scope in counted.next_scopes:
            await order_count(session, scope)
    log.info("counted", extra={"scope": lease.scope.kind, "id": lease.scope.id, "seconds": took_s})
    return True


async def _store(session: AsyncSession, scope: Scope, counted: Counted, took_s: float) -> None:
    figures = {**counted.figures, "took_s": took_s}
    await write_statistic(session, scope, "figures", figures, counted.as_of)
    if counted.parts is not None:
        await write_statistic(session, scope, "parts", counted.parts, counted.as_of)
    if scope.kind == "dataset":
        summary = {"unique_instructions": counted.uniques.get(SOURCE_LANGUAGE, 0)}
        await write_statistic(session, scope, "summary", summary, counted.as_of)


async def _count_job(sessions: Sessions, scope: Scope, sample: int, load_parser: Callable[[], Parse]) -> Counted:
    async with sessions() as session:
        as_of = await rows.begin_snapshot(session)
        job = await get_job(session, scope.id)
        languages = await rows.count_languages(session, [job.id])
        english = languages[SOURCE_LANGUAGE].pairs if SOURCE_LANGUAGE in languages else 0
        texts = TextCounts(sample, english)
        async for batch in rows.stream_texts(session, job.id):
            for language, item_id, ordinal, instruction, response in batch:
                texts.add(language, f"{item_id}:{ordinal}", instruction, response)
        images = await rows.count_images(session, job.id, job.dataset_id)
        images_per_pair = await rows.count_images_per_pair(session, job.id)
        related_per_pair = await rows.count_related_per_pair(session, job.id)
    roots = await asyncio.to_thread(_count_roots, texts.sentences, english, load_parser)
    uniques = {language: count.uniques for language, count in languages.items()}
    parts = make_parts(
        stored={language: count.stored for language, count in languages.items()},
        texts=texts,
        roots=roots,
        images_per_pair=images_per_pair,
        related_per_pair=related_per_pair,
    )
    figures = {**describe_figures(parts, uniques), "images": images}
    return Counted(as_of, figures, uniques, parts, (Scope("dataset", job.dataset_id),))


def _count_roots(
    sentences: dict[str, list[str]], population: int, load_parser: Callable[[], Parse]
) -> dict[str, RootCounts]:
    counts = {side: RootCounts(population) for side in SIDES}
    if any(sentences.values()):
        parse = load_parser()
        for side, found in sentences.items():
            for root in parse(found):
                counts[side].add(root)
    return counts


async def _add_up(sessions: Sessions, scope: Scope) -> Counted:
    """The figures of a scope's jobs together; jobs that were never counted, or ended since, are counted next."""
    async with sessions() as session:
        as_of = await rows.begin_snapshot(session)
        jobs = await rows.list_counted_jobs(session, scope)
        counted = [job for job in jobs if job.as_of is not None]
        total = make_empty_parts()
        for job in counted:
            stored = await read_statistic(session, Scope("job", job.id), "parts")
            total = add_parts(total, stored[0]) if stored else total
        uniques = await _count_uniques(session, [job.id for job in counted])
    stale = [job for job in jobs if job.is_stale]
    # Figures that are older than the end of their job make the whole as old, so that it is seen to be stale.
    moment = min([as_of, *(job.as_of for job in stale if job.as_of is not None)])
    scopes = tuple(Scope("job", job.id) for job in stale)
    return Counted(moment, describe_figures(total, uniques), uniques, None, scopes)


async def _count_uniques(session: AsyncSession, job_ids: Sequence[int]) -> dict[str, int]:
    if len(job_ids) == 1:
        figures = await read_statistic(session, Scope("job", job_ids[0]), "figures")
        if figures is not None:
            return {found["language"]: found["unique_instructions"] for found in figures[0]["languages"]}
    return {language: count.uniques for language, count in (await rows.count_languages(session, job_ids)).items()}
