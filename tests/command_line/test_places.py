"""Where a run finds its servers: it starts what is missing and takes it down again, or joins a service that runs."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from app.embedded import find_running
from tests.command_line.conftest import LEGACY, CommandLine
from tests.support.endpoint import Endpoint
from tests.support.processes import PROJECT

BIRDS = PROJECT / "tests" / "datasets" / "fixtures" / "birds.json"
OUTPUT = "output_plain.PlainItems_v1"


@pytest.fixture
def alone(endpoint: Endpoint, tmp_path: Path) -> CommandLine:
    """No URL of a database or Redis is set; the model is the loopback endpoint."""
    if sys.platform != "linux":
        pytest.skip("embedded parts are tested where processes can be seen")
    return CommandLine(
        tmp_path, {"SYPHUS_HOME": "home", "OPENAI_BASE_URL": endpoint.url, "OPENAI_MODEL": "gpt-4o-mini"}
    )


async def test_a_run_without_servers_starts_its_own_and_the_next_one_finds_its_rows(
    alone: CommandLine, endpoint: Endpoint
) -> None:
    arguments = ("--query_inputs_path", alone.write_items(6))
    for _ in range(2):
        ended = await alone.run(*arguments)
        assert ended.status == 0, ended.err
        assert find_running(alone.folder / "home") is None
    assert len(alone.read("valid_output.json", OUTPUT)) == 6
    assert (await endpoint.stats())["requests"] == 6


async def test_a_run_joins_the_service_of_its_folder_and_leaves_it_running(
    alone: CommandLine, endpoint: Endpoint
) -> None:
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.serve"),
        cwd=PROJECT,
        env={**os.environ, **alone.environment, "SYPHUS_HOME": str(alone.folder / "home"), "SYPHUS_PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert service.stdout is not None
        assert b"Syphus answers at" in await service.stdout.readline()
        ended = await alone.run("--query_inputs_path", alone.write_items(20), "--num_threads", "4")
        assert ended.status == 0, ended.err
        assert len(alone.read("PLAIN_instructions.json", OUTPUT)["data"]) == 40
        assert find_running(alone.folder / "home") is not None
        assert (await endpoint.stats())["peak_in_flight"] <= 4
        ended = await alone.run(
            *("--name", "birds.BirdSounds", "--dataset_folder", str(LEGACY), "--query_inputs_path", str(BIRDS))
        )
        assert ended.status == 0, ended.err  # the service's worker leaves a class that it does not find alone
    finally:
        service.send_signal(signal.SIGTERM)
        await service.communicate()
    assert service.returncode == 0
