"""Statistics as a client sees them: roll-ups as of now, counted figures as of a moment, and asking for a count."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.ids import encode_id
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.statistics.figures import sort_codes
from app.pipeline.statistics.lengths import unit_of
from app.queue import TASK_COUNT
from app.resources import Resources
from app.store import figures as rows
from app.store.datasets import get_dataset
from app.store.jobs import get_job
from app.store.statistics import (
    RunState,
    Scope,
    order_count,
    read_dataset_summaries,
    read_run,
    read_statistic,
)

TABLE_ROWS = 200
CURRENT = "current"

_LEAST_AGE_S = 5.0
_LEAST_AGE_AFTER_FAILURE_S = 60.0
_SHARE_OF_TIME = 10  # looking never makes the service count for more than a tenth of its time

_ITEM_STATES = ("done", "failed", "poison", "skipped")
_USAGE = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens")


@dataclass(frozen=True, slots=True)
class Statistics:
    """A scope's figures as a client sees them; `is_worth_counting` says that a look may order a count now."""

    body: dict[str, Any]
    is_worth_counting: bool


async def view_statistics(session: AsyncSession, scope: Scope) -> Statistics:
    """Everything that is known about a scope, without counting anything; raises NotFoundError."""
    name = await _name_scope(session, scope)
    by_dataset = await rows.sum_tallies(session, scope)
    jobs = await rows.read_scope_jobs(session, scope)
    stored = await read_statistic(session, scope, "figures")
    run = await read_run(session, scope)
    counted, as_of = stored or ({}, None)
    total: Counter[str] = sum(by_dataset.values(), Counter())
    state = _judge(counted, as_of, total, jobs.finished_at)
    body = {
        "object": "statistics",
        "scope": scope.kind,
        "id": None if scope.kind == "all" else encode_id(scope.kind, scope.id),
        "name": name,
        "state": state,
        "as_of": as_of,
        "is_being_counted": run is not None and run.is_due,
        "failure": None if run is None or state == CURRENT else run.reason,
        "jobs": jobs.jobs,
        "table": await _make_table(session, scope, by_dataset, counted),
        "yield": _show_yield(total),
        "rejections": {
            "pairs": {"total": total["rejected"], "by_reason": _family(total, "rejected.")},
            "translations": {"total": total["refused"], "by_reason": _family(total, "refused.")},
        },
        "usage": _show_usage(total, has_price=jobs.has_price),
        "languages": _show_languages(total, counted),
        "images_per_pair": counted.get("images_per_pair"),
        "related_pairs_per_pair": counted.get("related_pairs_per_pair"),
        "roots": counted.get("roots"),
    }
    has_pairs = bool(total["pairs"]) or bool(counted)
    return Statistics(body, has_pairs and _is_worth_counting(state, run, as_of, counted.get("took_s", 0.0)))


async def request_count(session: AsyncSession, scope: Scope) -> tuple[int, int]:
    """Ask for a scope to be counted now; ring for what this answers after the commit. Raises NotFoundError."""
    await _name_scope(session, scope)
    return await order_count(session, scope)


async def ring_count(resources: Resources, run: tuple[int, int]) -> None:
    """Tell a worker that a count is due; what is not heard is rung again by the dispatcher."""
    await resources.queue.ring(TASK_COUNT, [run])


async def _name_scope(session: AsyncSession, scope: Scope) -> str | None:
    if scope.kind == "job":
        scope = Scope("dataset", (await get_job(session, scope.id)).dataset_id)
    return None if scope.kind == "all" else (await get_dataset(session, scope.id)).name


def _judge(
    counted: Mapping[str, Any], as_of: datetime | None, total: Counter[str], finished_at: datetime | None
) -> str:
    """`none`, `stale` or `current`: whether the counted figures are those of the pairs that are stored now."""
    if as_of is None:
        return "none" if any(_count_stored(total).values()) else CURRENT
    has_ended_since = finished_at is not None and finished_at > as_of
    return "stale" if has_ended_since or counted["stored"] != _count_stored(total) else CURRENT


def _count_stored(total: Counter[str]) -> dict[str, int]:
    """Stored pairs by language, as the roll-ups know them."""
    counts = {SOURCE_LANGUAGE: total["pairs"], **_family(total, "translations.")}
    return {language: counts[language] for language in sort_codes(counts) if counts[language]}


def _is_worth_counting(state: str, run: RunState | None, as_of: datetime | None, took_s: float) -> bool:
    """Whether a look at these figures should have them counted; asked for explicitly they always are."""
    if state == CURRENT or (run is not None and run.is_due):
        return False
    least_s = max(_LEAST_AGE_S, _SHARE_OF_TIME * took_s)
    if run is not None and run.reason is not None:
        least_s = max(least_s, _LEAST_AGE_AFTER_FAILURE_S)
    moments = [moment for moment in (as_of, run.due_at if run else None) if moment is not None]
    return not moments or utc_now() - max(moments) >= timedelta(seconds=least_s)


async def _make_table(
    session: AsyncSession, scope: Scope, by_dataset: Mapping[int, Counter[str]], counted: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The datasets of the scope: images, instructions, abbreviation; those with the most instructions first."""
    datasets = await rows.list_scope_datasets(session, scope, TABLE_ROWS)
    if scope.kind == "all":
        summaries = await read_dataset_summaries(session, [dataset.id for dataset in datasets])
        uniques = {number: summary["unique_instructions"] for number, summary in summaries.items()}
    else:
        uniques = {dataset.id: _find_uniques(counted.get("languages", ())) for dataset in datasets}
    table = [
        {
            "dataset_id": encode_id("dataset", dataset.id),
            "dataset": dataset.name,
            "abbreviation": dataset.abbr,
            "kind": dataset.kind,
            "items": dataset.items,
            "images": counted.get("images", dataset.images),
            "instructions": by_dataset.get(dataset.id, Counter())["pairs"],
            "unique_instructions": uniques.get(dataset.id),
        }
        for dataset in datasets
    ]
    return sorted(table, key=lambda row: -row["instructions"])


def _find_uniques(languages: Sequence[Mapping[str, Any]]) -> int | None:
    return next((found["unique_instructions"] for found in languages if found["language"] == SOURCE_LANGUAGE), None)


def _show_yield(total: Counter[str]) -> dict[str, Any]:
    ended = {state: total[f"items.{state}"] for state in _ITEM_STATES}
    items = total["items.total"]
    return {
        "items": {"total": items, "pending": items - sum(ended.values()), **ended},
        "pairs": total["pairs"],
        "rejected": total["rejected"],
        "translations": {language: n for language, n in _count_stored(total).items() if language != SOURCE_LANGUAGE},
        "pairs_per_item": _ratio(total["pairs"], ended["done"]),
        "accepted_share": _ratio(total["pairs"], total["pairs"] + total["rejected"]),
        "done_share": _ratio(ended["done"], sum(ended.values())),
    }


def _show_usage(total: Counter[str], *, has_price: bool) -> dict[str, Any]:
    used = {key: total[f"usage.{key}"] for key in _USAGE}
    cost_usd = total["cost_micros"] / 1e6 if has_price else None
    per_pair = {key: _ratio(n, total["pairs"]) for key, n in used.items()}
    per_pair["cost_usd"] = _ratio(cost_usd, total["pairs"], digits=8) if cost_usd is not None else None
    return {**used, "cost_usd": cost_usd, "per_pair": per_pair}


def _show_languages(total: Counter[str], counted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per language: its stored pairs now, and what was counted of their texts."""
    stored = _count_stored(total)
    known = {found["language"]: found for found in counted.get("languages", ())}
    blank = {"unique_instructions": None, "instruction": None, "response": None}
    return [
        {
            "language": language,
            "unit": unit_of(language),
            **blank,
            **known.get(language, {}),
            "pairs": stored.get(language, 0),
        }
        for language in sort_codes({**stored, **known})
    ]


def _family(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): n for key, n in sorted(counts.items()) if key.startswith(prefix) and n}


def _ratio(part: float, whole: float, digits: int = 4) -> float | None:
    return round(part / whole, digits) if whole else None
