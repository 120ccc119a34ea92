"""How tests reach the service: in this process, or as a server of its own on loopback; and the rows it reads."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from app.clock import new_id, utc_now
from app.ids import encode_id
from app.store import models
from app.store.events import append_event
from app.store.session import Sessions
from app.store.tallies import add_tallies
from tests.support.waiting import wait_until

BASE_URL = "http://127.0.0.1:8000"


@asynccontextmanager
async def open_client(app: FastAPI, base_url: str = BASE_URL) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the application and ask it without a socket."""
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a real HTTP server; the URL to reach it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))  # without its signal handlers
        await wait_until(lambda: server.started, "the start of the server")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            app.state.stopping.set()
            server.should_exit = True
            await serving


def assert_problem(response: httpx2.Response, status: int, code: str, *pointers: str, mend: str = "") -> dict[str, Any]:
    """The answer is a whole problem of this kind, its faults point there, and one of them says how to mend it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable", "errors"} <= set(
        problem
    )
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert [fault["pointer"] for fault in problem["errors"]] == list(pointers)
    said = " ".join([problem["detail"], *(fault["message"] for fault in problem["errors"])])
    assert mend in said, said
    assert "Traceback" not in response.text
    return problem


async def add_dataset(sessions: Sessions, items: int = 4, *, state: str = "ready") -> tuple[int, list[int]]:
    """A dataset and its items' ids; neighbours share an image."""
    dataset_id = new_id()
    async with sessions.begin() as session:
        row: dict[str, Any] = {
            "id": dataset_id,
            "name": f"set-{dataset_id}",
            "abbr": "SET",
            "format": "jsonl",
            "state": state,
        }
        session.add(models.Dataset(**row, items=items))
        await session.flush()
        rows = [
            models.Item(
                dataset_id=dataset_id,
                position=position,
                source_id=f"source-{position}",
                sentences=f"a red car number {position}",
                image_ids=[f"IMG_{position // 2}"],
                image_set=position // 2,
            )
            for position in range(items)
        ]
        session.add_all(rows)
        await session.flush()
        return dataset_id, [row.id for row in rows]


async def add_job(sessions: Sessions, dataset_id: int, *, state: str = "completed", items: int = 4) -> int:
    """A job over a dataset, with its first event and languages zh and fr."""
    job_id, prompt_id = new_id(), new_id()
    async with sessions.begin() as session:
        prompt: dict[str, Any] = {"id": prompt_id, "name": f"prompt-{prompt_id}", "version": 1, "sha256": "0"}
        session.add(models.Prompt(**prompt, system_message="Ask.", in_context=[], reply_format="json"))
        await session.flush()
        session.add(
            models.Job(
                id=job_id,
                dataset_id=dataset_id,
                prompt_id=prompt_id,
                state=state,
                model="gpt-4o-mini",
                parameters={},
                languages=["zh", "fr"],
                stages=["generate", "relate", "translate"],
                mode="online",
                slice={},
                limits={},
                labels={},
                items_total=items,
                price=None,
                budget_micros=None,
                created_at=utc_now(),
            )
        )
        await session.flush()
        await append_event(session, job_id, "job.created", {"items": items})
        await append_event(session, job_id, f"job.{state}", {"state": state})
        await add_tallies(session, {(job_id, "items.total"): items}, 0)
    return job_id


async def add_pairs(
    sessions: Sessions,
    job_id: int,
    item_ids: Sequence[int],
    *,
    per_item: int = 2,
    languages: Sequence[str] = (),
    conversations: int = 1,
) -> list[int]:
    """Pairs of a job, each related to the others of its item; the English ids. Conversations are equally long."""
    made = []
    async with sessions.begin() as session:
        for item_id in item_ids:
            rounds = per_item // conversations
            pairs = [_make_pair(job_id, item_id, ordinal, ordinal // rounds) for ordinal in range(per_item)]
            session.add_all(pairs)
            await session.flush()
            ids = [pair.id for pair in pairs]
            made += ids
            for pair in pairs:
                others = [other for other in ids if other != pair.id]
                session.add(models.Relation(pair_id=pair.id, job_id=job_id, rule="item", related_pair_ids=others))
                for language in languages:
                    session.add(_make_translation(pair, language))
    return made


def pair_ids(numbers: Sequence[int]) -> list[str]:
    return [encode_id("pair", number) for number in numbers]


def _make_translation(pair: models.Pair, language: str) -> models.Pair:
    place = (pair.job_id, pair.item_id, pair.ordinal, pair.conversation)
    return _make_pair(*place, language=language, origin=pair.id)


def _make_pair(
    job_id: int,
    item_id: int,
    ordinal: int,
    conversation: int,
    *,
    language: str = "en",
    origin: int | None = None,
) -> models.Pair:
    return models.Pair(
        job_id=job_id,
        item_id=item_id,
        ordinal=ordinal,
        conversation=conversation,
        language=language,
        translation_of=origin,
        instruction=f"[{language}] What stands at place {item_id}, question {ordinal}?",
        response=f"A Red car, 100% sure_{ordinal}.",
        words=10 + ordinal,
        status="accepted",
        flags=[],
        call_id=None,
        created_at=utc_now(),
    )
