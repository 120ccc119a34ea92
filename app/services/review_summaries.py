"""What review has before it and what it has brought: pairs that wait, and how far reviewers agree."""

from collections import Counter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.agreement import Agreement, measure_agreement
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.store.jobs import get_job
from app.store.models import PAIR_STATUSES
from app.store.reviews import compare_reviewers, count_verdicts
from app.store.tallies import read_tallies


async def summarise_review(session: AsyncSession, job_id: int) -> dict[str, Any]:
    """The counts that queues are made of, from the roll-ups; raises NotFoundError."""
    job = await get_job(session, job_id)
    counts = (await read_tallies(session, [job_id]))[job_id]
    languages = [SOURCE_LANGUAGE, *(language for language in job.languages if language != SOURCE_LANGUAGE)]
    entries = [_summarise_language(counts, language) for language in languages]
    return {
        "object": "job.review",
        "job_id": encode_id("job", job_id),
        "pairs": sum(entry["pairs"] for entry in entries),
        "reviewed": sum(entry["reviewed"] for entry in entries),
        "waiting": sum(entry["waiting"] for entry in entries),
        "languages": entries,
    }


def _summarise_language(counts: Counter[str], language: str) -> dict[str, Any]:
    """Pairs of a language; those wait that nobody has judged as they stand now."""
    total = counts["pairs" if language == SOURCE_LANGUAGE else f"translations.{language}"]
    statuses = {status: counts[f"status.{language}.{status}"] for status in PAIR_STATUSES}
    statuses["accepted"] = total - sum(statuses.values())
    reviewed = {status: counts[f"reviewed.{language}.{status}"] for status in PAIR_STATUSES}
    prefix = f"flag.{language}."
    flags = {key.removeprefix(prefix): n for key, n in sorted(counts.items()) if key.startswith(prefix) and n}
    return {
        "language": language,
        "pairs": total,
        "reviewed": sum(reviewed.values()),
        "waiting": total - sum(reviewed.values()),
        "by_status": statuses,
        "waiting_by_status": {status: statuses[status] - reviewed[status] for status in PAIR_STATUSES},
        "waiting_by_flag": flags,
    }


async def summarise_agreement(session: AsyncSession, job_id: int, language: str | None) -> dict[str, Any]:
    """Each two reviewers who judged pairs in common, and the verdicts of each reviewer; raises NotFoundError."""
    await get_job(session, job_id)
    tables: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for one, other, verdict, answer, n in await compare_reviewers(session, job_id, language):
        tables.setdefault((one, other), {})[verdict, answer] = n
    verdicts: dict[str, dict[str, int]] = {}
    for reviewer, verdict, n in await count_verdicts(session, job_id, language):
        verdicts.setdefault(reviewer, {})[verdict] = n
    return {
        "object": "job.agreement",
        "job_id": encode_id("job", job_id),
        "language": language,
        "reviewers": [{"reviewer": reviewer, "verdicts": found} for reviewer, found in verdicts.items()],
        "data": [_show_agreement(both, table) for both, table in tables.items()],
    }


def _show_agreement(both: tuple[str, str], table: dict[tuple[str, str], int]) -> dict[str, Any]:
    found: Agreement = measure_agreement(table)
    return {
        "reviewers": list(both),
        "pairs": found.pairs,
        "agreement": found.observed,
        "expected_by_chance": found.expected,
        "kappa": found.kappa,
        "table": [{"verdicts": list(verdicts), "pairs": n} for verdicts, n in sorted(table.items())],
    }
