"""The service about itself: health, metrics, what it offers, what was used."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from app.api.deps import ResourcesDep, begin_reading
from app.api.pages import ListBody, answer_json
from app.clock import utc_now
from app.errors import Fault, InvalidRequestError, NotFoundError, UnavailableError
from app.pipeline.costing import PRICES, price_of, read_overrides
from app.pipeline.languages import describe_language, is_language, list_languages
from app.resources import Resources
from app.services.exporting.formats import FORMATS
from app.services.fleet import count_fleet
from app.store.outages import is_outage
from app.store.reading import count_jobs_by_state, count_shards_by_state, list_used_models, sum_usage

CHECK_S = 1.5
METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["system"])
catalogue = APIRouter(tags=["system"])


class Health(BaseModel):
    object: str = "health"
    status: str


class Readiness(BaseModel):
    """`degraded` still answers: without Redis work starts later, without workers it waits."""

    object: str = "readiness"
    status: str
    checks: dict[str, Any]


@router.get("/openapi.json", include_in_schema=False)
async def get_document(request: Request) -> Response:
    """The OpenAPI document, also under /v1."""
    return answer_json(request.app.openapi())


@router.get("/healthz")
async def get_health() -> Health:
    """The process answers; says nothing about what it needs."""
    return Health(status="ok")


@router.get("/readyz", responses={200: {"model": Readiness}})
async def get_readiness(resources: ResourcesDep) -> Response:
    """Whether work can be taken: 503 without PostgreSQL, 200 `degraded` without Redis or workers."""
    fleet, redis_is_up = await asyncio.gather(_look_at_fleet(resources), _look_at_redis(resources))
    checks = {
        "postgresql": "up" if fleet is not None else "away",
        "redis": "up" if redis_is_up else "away",
        "workers": fleet[0] if fleet else 0,
        "slots": fleet[1] if fleet else 0,
    }
    if fleet is None:
        raise UnavailableError("PostgreSQL does not answer.", retry_after_s=2, extra={"checks": checks})
    status = "ready" if redis_is_up and fleet[0] else "degraded"
    return answer_json(
        {"object": "readiness", "status": status, "checks": checks}, headers={"Cache-Control": "no-store"}
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(resources: ResourcesDep) -> Response:
    """Gauges and counters in Prometheus' text format, summed from roll-ups."""
    lines = ["# TYPE syphus_postgresql_up gauge"]
    try:
        async with begin_reading(resources) as session:
            jobs, shards = await count_jobs_by_state(session), await count_shards_by_state(session)
            (workers, slots), used = await count_fleet(session), await sum_usage(session)
    except Exception as error:
        if not isinstance(error, UnavailableError) and not is_outage(error):
            raise
        lines.append("syphus_postgresql_up 0")
    else:
        lines.append("syphus_postgresql_up 1")
        lines += _write_family("syphus_jobs", "gauge", [(f'{{state="{state}"}}', n) for state, n in jobs.items()])
        lines += _write_family("syphus_shards", "gauge", [(f'{{state="{state}"}}', n) for state, n in shards.items()])
        lines += _write_family("syphus_workers", "gauge", [("", workers)])
        lines += _write_family("syphus_worker_slots", "gauge", [("", slots)])
        lines += _write_usage(used)
    lines += _write_family("syphus_redis_up", "gauge", [("", int(await _look_at_redis(resources)))])
    lines += _write_family("syphus_queue_messages", "gauge", [("", await _measure_queue(resources))])
    return Response("\n".join(lines) + "\n", media_type=METRICS_MEDIA_TYPE)


@catalogue.get("/languages", responses={200: {"model": ListBody}})
async def get_languages(
    all_: Annotated[bool, Query(alias="all", description="Also the languages beyond the eight.")] = False,
) -> Response:
    """The languages a pair can have; English is what models are asked in."""
    return _answer_all([describe_language(code) for code in list_languages(all_=all_)])


@catalogue.get("/languages/{code}", responses={200: {"model": dict[str, Any]}})
async def get_language(code: str) -> Response:
    """What is checked of translations into a language; any BCP-47 code of a language, a script and a region."""
    if not is_language(code):
        raise NotFoundError("language", code)
    return answer_json(describe_language(code))


@catalogue.get("/formats", responses={200: {"model": ListBody}})
async def get_formats() -> Response:
    """The formats of `POST /exports`: what each holds, and what can be chosen."""
    return _answer_all([chosen.describe() for chosen in FORMATS.values()])


@catalogue.get("/models", responses={200: {"model": ListBody}})
async def get_models(resources: ResourcesDep) -> Response:
    """The configured model first, then those that jobs used or that have a price; any name the endpoint knows works."""
    settings = resources.settings
    async with begin_reading(resources) as session:
        used = await list_used_models(session)
    names = dict.fromkeys([settings.openai_model, *used, *read_overrides(settings.prices), *sorted(PRICES)])
    data = [
        {
            "object": "model",
            "name": name,
            "is_default": name == settings.openai_model,
            "was_used": name in used,
            "price_usd_per_million": None if price is None else asdict(price),
        }
        for name in names
        for price in [price_of(name, settings.prices)]
    ]
    return _answer_all(data)


@catalogue.get("/usage", responses={200: {"model": dict[str, Any]}})
async def get_usage(
    resources: ResourcesDep,
    since: Annotated[datetime | None, Query(description="Jobs made at or after this RFC 3339 time.")] = None,
    until: Annotated[datetime | None, Query(description="Jobs made before this time.")] = None,
) -> Response:
    """Calls, tokens, cost and yield of jobs, in all and by model."""
    since, until = _in_utc("since", since), _in_utc("until", until)
    async with begin_reading(resources) as session:
        rows = await sum_usage(session, since, until)
    models: dict[str, dict[str, int]] = {}
    total: dict[str, int] = {}
    for model, key, n in rows:
        models.setdefault(model, {})[key] = n
        total[key] = total.get(key, 0) + n
    return answer_json(
        {
            "object": "usage",
            "since": since,
            "until": until,
            "total": _show_usage(total),
            "by_model": [{"model": model, **_show_usage(counts)} for model, counts in sorted(models.items())],
            "as_of": utc_now(),
        }
    )


def _answer_all(data: list[dict[str, Any]]) -> Response:
    return answer_json({"object": "list", "data": data, "has_more": False, "next_cursor": None})


def _show_usage(counts: dict[str, int]) -> dict[str, Any]:
    tokens = {key: counts.get(f"usage.{key}", 0) for key in ("prompt_tokens", "completion_tokens", "cached_tokens")}
    return {
        "calls": counts.get("usage.calls", 0),
        **tokens,
        "cost_usd": counts.get("cost_micros", 0) / 1e6,
        "items_done": counts.get("items.done", 0),
        "pairs": counts.get("pairs", 0),
    }


def _in_utc(name: str, moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        fault = Fault(name, "out_of_range", "In UTC this is no time of the years 1 to 9999; give another one.")
        raise InvalidRequestError(f"{name} is out of range.", errors=[fault]) from error


async def _look_at_fleet(resources: Resources) -> tuple[int, int] | None:
    try:
        async with asyncio.timeout(CHECK_S), begin_reading(resources) as session:
            return await count_fleet(session)
    except Exception as error:
        if not isinstance(error, UnavailableError) and not is_outage(error):
            raise
        return None


async def _look_at_redis(resources: Resources) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            return await resources.queue.is_alive()
    except TimeoutError:
        return False


async def _measure_queue(resources: Resources) -> int:
    try:
        async with asyncio.timeout(CHECK_S):
            return await resources.queue.length()
    except TimeoutError:
        return 0


def _write_family(name: str, kind: str, samples: list[tuple[str, int]]) -> list[str]:
    return [f"# TYPE {name} {kind}", *(f"{name}{labels} {value}" for labels, value in samples)]


def _write_usage(used: Any) -> list[str]:
    names = {
        "usage.calls": "syphus_calls_total",
        "usage.prompt_tokens": "syphus_prompt_tokens_total",
        "usage.completion_tokens": "syphus_completion_tokens_total",
        "usage.cached_tokens": "syphus_cached_tokens_total",
        "cost_micros": "syphus_cost_micros_total",
        "pairs": "syphus_pairs_total",
        "items.done": "syphus_items_done_total",
    }
    lines: list[str] = []
    for key, name in names.items():
        samples = [(f'{{model="{_escape(model)}"}}', n) for model, used_key, n in used if used_key == key]
        lines += _write_family(name, "counter", samples)
    return lines


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
