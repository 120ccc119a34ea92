"""The service about itself, and what it says while a part is away."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from app.ids import encode_id
from app.main import create_app
from app.openapi import SNAPSHOT, main
from app.settings import Settings
from app.store.session import Sessions
from app.store.tallies import add_tallies
from tests.api.service import add_dataset, add_job, assert_problem, open_client

NOBODY_LISTENS = "127.0.0.1:1"


async def test_health_and_readiness_answer_at_the_root_and_under_v1(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    for prefix in ("", "/v1"):
        assert (await client.get(f"{prefix}/healthz")).json()["status"] == "ok"
        readiness = (await client.get(f"{prefix}/readyz")).json()
        assert readiness["status"] == "degraded"
        assert readiness["checks"] == {"postgresql": "up", "redis": "up", "workers": 0, "slots": 0}
    async with sessions.begin() as session:
        await session.execute(text("INSERT INTO worker (id, slots) VALUES ('w', 64)"))
    ready = (await client.get("/readyz")).json()
    assert (ready["status"], ready["checks"]["slots"]) == ("ready", 64)


async def test_without_postgresql_it_is_unavailable_and_says_when_to_come_back(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": f"postgresql://nobody@{NOBODY_LISTENS}/none"})
    async with open_client(create_app(away)) as client:
        for path in ("/v1/jobs", "/v1/pairs", "/v1/pairs/stream", f"/v1/jobs/{encode_id('job', 1)}/events", "/readyz"):
            response = await client.get(path)
            problem = assert_problem(response, 503, "unavailable")
            assert problem["retryable"]
            assert int(response.headers["retry-after"]) >= 1
        body = {"dataset_id": encode_id("dataset", 1)}
        assert_problem(await client.post("/v1/jobs", json=body), 503, "unavailable", mend="try again")
        assert (await client.get("/healthz")).status_code == 200
        assert "syphus_postgresql_up 0" in (await client.get("/metrics")).text


async def test_a_database_that_accepts_and_never_answers_is_away_as_well(settings: Settings) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    away = settings.model_copy(update={"database_url": f"postgresql://nobody@127.0.0.1:{port}/none"})
    async with server, open_client(create_app(away)) as client:
        for path in ("/v1/jobs", "/readyz"):
            async with asyncio.timeout(8):  # the driver itself would wait for ten seconds
                response = await client.get(path)
            assert_problem(response, 503, "unavailable")


async def test_without_redis_it_is_degraded_and_takes_orders(settings: Settings, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    away = settings.model_copy(update={"redis_url": f"redis://{NOBODY_LISTENS}"})
    async with open_client(create_app(away)) as client:
        readiness = await client.get("/readyz")
        assert (readiness.status_code, readiness.json()["checks"]["redis"]) == (200, "away")
        ordered = await client.post("/v1/jobs", json={"dataset_id": encode_id("dataset", dataset_id)})
        assert ordered.status_code == 202


async def test_usage_and_metrics_sum_the_roll_ups(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    for calls in (3, 4):
        job_id = await add_job(sessions, dataset_id)
        async with sessions.begin() as session:
            added = {(job_id, "usage.calls"): calls, (job_id, "cost_micros"): 250_000, (job_id, "pairs"): 9}
            await add_tallies(session, added, calls)
    usage = (await client.get("/v1/usage?since=2020-01-01T00:00:00Z")).json()
    assert (usage["total"]["calls"], usage["total"]["cost_usd"], usage["total"]["pairs"]) == (7, 0.5, 18)
    assert [entry["model"] for entry in usage["by_model"]] == ["gpt-4o-mini"]
    assert (await client.get("/v1/usage?until=2020-01-01T00:00:00Z")).json()["total"]["calls"] == 0
    assert_problem(await client.get("/v1/usage?since=then"), 422, "invalid_request", "since", mend="datetime")
    metrics = (await client.get("/metrics")).text
    assert 'syphus_jobs{state="completed"} 2' in metrics
    assert 'syphus_calls_total{model="gpt-4o-mini"} 7' in metrics
    assert "syphus_postgresql_up 1" in metrics


async def test_the_catalogue_names_languages_formats_and_models(client: httpx2.AsyncClient) -> None:
    languages = [entry["code"] for entry in (await client.get("/v1/languages")).json()["data"]]
    assert sorted(languages) == sorted(["en", "zh", "ja", "es", "de", "fr", "ko", "ar"])
    formats = {entry["name"]: entry for entry in (await client.get("/v1/formats")).json()["data"]}
    assert set(formats) == {"mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"}
    assert {"XX_instructions.json", "XX_train.json", "manifest.json"} <= set(formats["mimic-it"]["files"])
    assert formats["llava"]["options"]["images"]["choices"] == ["none", "ids", "base64"]
    models = (await client.get("/v1/models")).json()["data"]
    assert (models[0]["name"], models[0]["is_default"]) == ("gpt-4o-mini", True)
    assert models[0]["price_usd_per_million"]["completion"] > 0


async def test_the_landing_page_says_where_things_are(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert all(path in page.text for path in ("/docs", "/openapi.json", "/readyz"))


def test_the_document_in_docs_is_the_one_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert Path(__file__).resolve().parents[2] / "docs" / "openapi.json" == SNAPSHOT


async def test_the_document_knows_only_problems_for_errors(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if not status.startswith(("2", "3")):
                    assert list(answer["content"]) == ["application/problem+json"], path
