"""Uploads through a real server process: curl, a client that leaves, a server that is killed."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.main import create_app
from app.services.uploads import incoming_folder
from app.settings import Settings
from app.store.session import Sessions
from tests.api.service import serve
from tests.datasets_api.files import in_chunks, list_leftovers, plain_items, to_lines
from tests.support.waiting import wait_until

LINES = to_lines(plain_items(200))
HALF = b"Host: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n" + LINES


@pytest_asyncio.fixture
async def url(settings: Settings, sessions: Sessions) -> AsyncIterator[str]:
    async with serve(create_app(settings)) as url:
        yield f"{url}/v1"


async def curl(*arguments: str, body: bytes = b"") -> tuple[int, bytes]:
    """Exit code and output."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed here")
    process = await asyncio.create_subprocess_exec(
        program, "-sS", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate(body)
    return process.returncode or 0, output


async def test_curl_uploads_a_file_a_pipe_and_a_form(url: str, tmp_path: Path) -> None:
    path = tmp_path / "herons.jsonl"
    path.write_bytes(LINES)
    for arguments, body in (
        (("-f", "-T", str(path)), b""),
        (("-f", "-T", "-"), LINES),
        (("-f", "-F", f"file=@{path}"), b""),
        (("-f", "--data-binary", f"@{path}"), b""),
    ):
        code, output = await curl(*arguments, f"{url}/datasets", body=body)
        assert code == 0
        assert orjson.loads(output)["counts"]["items"] == 200


async def test_a_client_that_sends_too_much_still_hears_why(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        for body in (LINES * 500, in_chunks(LINES * 500, 1 << 16)):
            response = await client.put(f"{url}/datasets", content=body)
            assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_a_client_that_leaves_half_way_leaves_nothing(url: str, settings: Settings, sessions: Sessions) -> None:
    folder = incoming_folder(settings)
    for head in (b"PUT /v1/datasets?name=half HTTP/1.1\r\n", b"POST /v1/datasets/validate HTTP/1.1\r\n"):
        with socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0)) as connection:
            connection.sendall(head + HALF)
            await wait_until(lambda: bool(list_leftovers(folder)), "the start of the upload")
        await wait_until(lambda: not list_leftovers(folder), "the end of the upload")
    async with sessions() as session:
        assert (await session.execute(text("SELECT count(*) FROM dataset"))).scalar_one() == 0


async def test_a_server_that_is_killed_leaves_no_dataset_and_its_file_is_swept(
    settings: Settings, sessions: Sessions, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert settings.database_url is not None
    assert settings.redis_url is not None
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SYPHUS_HOME": str(settings.home),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    command = ("-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning")
    server = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=tmp_path, env=environment)
    folder = incoming_folder(settings)
    try:
        await wait_until(lambda: _is_open(port), "the start of the server")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"PUT /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n" + LINES
            )
            await wait_until(lambda: bool(list_leftovers(folder)), "the start of the upload")
            server.send_signal(signal.SIGKILL)
            await server.wait()
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
    (orphan,) = list_leftovers(folder)
    await asyncio.to_thread(_age, orphan)
    async with serve(create_app(settings)) as url:
        assert list_leftovers(folder) == []
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{url}/v1/datasets")).json()["data"] == []


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _age(path: Path) -> None:

    os.utime(path, (1, 1))
