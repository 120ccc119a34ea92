"""The service as `uvicorn app.main:app` runs it: a process of its own that starts, is told to stop, and stops."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from app.ids import encode_id
from app.store.session import Sessions
from tests.api.service import add_dataset, add_job
from tests.support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def run_server(**environment: str) -> AsyncIterator[tuple[Process, str]]:
    """A server process on a port that nobody else can take, and its URL; killed at the end where it still runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        command = [sys.executable, "-m", "uvicorn", "app.main:app", "--fd", str(number), "--log-level", "warning"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=PROJECT, env={**os.environ, **environment}, stderr=PIPE, pass_fds=(number,)
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_sigterm_ends_a_server_with_readers_of_events_and_waiting_polls(
    sessions: Sessions, database_url: str, redis_url: str
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    path = f"/v1/jobs/{encode_id('job', await add_job(sessions, dataset_id, state='in_progress'))}"
    async with (
        run_server(DATABASE_URL=database_url, REDIS_URL=redis_url) as (process, url),
        httpx2.AsyncClient(base_url=url, timeout=30) as client,
    ):

        async def is_up() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx2.ConnectError:
                return False

        await wait_until(is_up, "the start of the server")
        polling = asyncio.create_task(client.get(path, headers={"Prefer": "wait=60"}))
        async with client.stream("GET", f"{path}/events") as response:
            chunks = response.aiter_bytes()
            await anext(chunks)
            process.send_signal(signal.SIGTERM)
            async for _ in chunks:
                pass  # the stream ends in order, not by a reset
        assert (await polling).json()["state"] == "in_progress"
        async with asyncio.timeout(10):
            await process.wait()


async def test_a_refused_start_prints_one_line_and_no_trace() -> None:
    async with run_server(SYPHUS_HOST="0.0.0.0") as (process, _):
        _, errors = await process.communicate()
    assert process.returncode
    text = errors.decode()
    assert "Refusing to listen on 0.0.0.0 without keys: set SYPHUS_API_KEYS" in text
    assert "Traceback" not in text


async def test_a_setting_that_does_not_hold_is_named_in_one_line() -> None:
    async with run_server(SYPHUS_LEASE_S="soon") as (process, _):
        _, errors = await process.communicate()
    assert process.returncode
    text = errors.decode()
    assert "SYPHUS_LEASE_S is 'soon'" in text
    assert "Traceback" not in text


async def test_it_logs_json_lines_on_standard_error() -> None:
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    async with run_server(**away) as (process, url), httpx2.AsyncClient(base_url=url, timeout=30) as client:

        async def is_up() -> bool:
            try:
                return (await client.get("/v1/jobs")).status_code == 503
            except httpx2.ConnectError:
                return False

        await wait_until(is_up, "the start of the server")
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    events = [json.loads(line) for line in errors.decode().splitlines() if line.startswith("{")]
    assert "database_away" in {event["event"] for event in events if event["logger"] == "syphus.api"}
