"""The demo as a person runs it, against a loopback endpoint instead of the tiny model."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.endpoint import running_endpoint
from tests.support.processes import PROJECT, find_family, wait_until_gone

TIMEOUT_S = 120


@asynccontextmanager
async def run_demo(folder: Path, endpoint_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The demo, started with SIGINT ignored, as a shell starts what runs in its background."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.demo", "--home", str(folder / "home"), "--output", str(folder / "output")),
        cwd=PROJECT,
        env={**os.environ, "OPENAI_BASE_URL": endpoint_url, "OPENAI_MODEL": "loopback", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def finish(process: asyncio.subprocess.Process) -> tuple[str, str]:
    async with asyncio.timeout(TIMEOUT_S):
        output, errors = await process.communicate()
    return output.decode(), errors.decode()


async def read_until(process: asyncio.subprocess.Process, words: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT_S):
        async for line in process.stdout:
            if words in line.decode():
                return
    raise AssertionError(f"the demo ended without {words!r}")


async def test_it_shows_pairs_and_writes_an_export_and_a_second_run_works_as_well(tmp_path: Path) -> None:
    async with running_endpoint() as endpoint:
        for _ in range(2):
            async with run_demo(tmp_path, endpoint.url) as process:
                output, errors = await finish(process)
            assert (process.returncode, errors) == (0, "")
            assert "14/14 items" in output
            assert "100%" in output
            assert "The model is loopback" in output
            files = {path.name: json.loads(path.read_text()) for path in (tmp_path / "output").iterdir()}
            assert {"SD_instructions.json", "LACONV_train.json", "DC_instructions.zh.json"} <= files.keys()
            assert all(files[f"{abbr}_instructions.json"]["data"] for abbr in ("SD", "LACONV", "DC"))
            manifests = [files[f"{abbr}_manifest.json"]["job"]["id"] for abbr in ("SD", "LACONV", "DC")]
            assert len(set(manifests)) == 3  # none took the place of another


async def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    async with running_endpoint(latency_ms=60_000) as endpoint, run_demo(tmp_path, endpoint.url) as process:
        await read_until(process, "Uploaded spot_the_difference.json")
        family = find_family(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = await finish(process)
    assert (process.returncode, errors) == (130, "\nStopped; nothing runs on, and no half-written file stays.\n")
    await asyncio.to_thread(wait_until_gone, family)
    assert list(tmp_path.iterdir()) == []


async def test_a_demo_that_is_killed_takes_its_service_along(tmp_path: Path) -> None:
    async with running_endpoint(latency_ms=60_000) as endpoint, run_demo(tmp_path, endpoint.url) as process:
        await read_until(process, "Uploaded spot_the_difference.json")
        family = find_family(process.pid)
        process.kill()
        await process.wait()
        await asyncio.to_thread(wait_until_gone, family)


async def test_an_endpoint_that_refuses_the_key_is_named_as_the_reason(tmp_path: Path) -> None:
    async with running_endpoint(api_key="another") as endpoint, run_demo(tmp_path, endpoint.url) as process:
        _, errors = await finish(process)
    assert process.returncode == 1
    assert "The demo stopped: " in errors
    assert not (tmp_path / "output").exists()
