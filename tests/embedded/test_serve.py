"""`python -m app.serve`: one command that starts everything, keeps it running and takes it all down again."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.processes import PROJECT, Process, find_family, kill_all, run_python, wait_until_gone
from tests.support.waiting import block_until

Service = tuple[subprocess.Popen[str], str]

# A model that is never asked: these tests are about processes.
_MODEL = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[[], Service]]:
    """`start_service()`: the supervisor's process once the service is ready, and its address."""
    with ExitStack() as stack:

        def start() -> Service:
            environment = {"SYPHUS_HOME": str(tmp_path), "SYPHUS_PORT": "0", "SYPHUS_WORKERS": "2", **_MODEL}
            process = stack.enter_context(run_python("-m", "app.serve", environment=environment))
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "with 2 workers" in line
            return process, line.split()[3]

        yield start


def _find_children(supervisor: int, part: str) -> list[Process]:
    return [process for process in find_family(supervisor) if part in _read_command(process.pid)]


def _read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:  # it has just ended
        return ""


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_counts_as_success(
    start_service: Callable[[], Service], number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    service, address = start_service()
    assert _is_ready(address)
    family = find_family(service.pid)
    service.send_signal(number)
    assert service.wait(timeout=60) == 0
    assert not any(process.is_alive for process in family)
    assert "Stopping: calls under way get 30 s" in capfd.readouterr().err


def test_a_child_that_dies_is_replaced(start_service: Callable[[], Service]) -> None:
    service, address = start_service()
    killed = [_find_children(service.pid, part)[0] for part in ("app.serve api", "-m workers")]
    kill_all(killed)
    wait_until_gone(killed)
    block_until(lambda: len(_find_children(service.pid, "-m workers")) == 2, "a new worker")
    block_until(lambda: _is_ready(address), "a new API")
    assert not any(process.is_alive for process in killed)


def test_a_killed_supervisor_leaves_no_process(start_service: Callable[[], Service]) -> None:
    service, _ = start_service()
    family = find_family(service.pid)
    service.kill()
    wait_until_gone(family, timeout_s=60)


def test_killing_everything_at_once_does_not_hinder_the_next_start(start_service: Callable[[], Service]) -> None:
    for _ in range(2):
        service, address = start_service()
        assert _is_ready(address)
        family = find_family(service.pid)
        kill_all(family)
        wait_until_gone([process for process in family if process.pid != service.pid])
    _, address = start_service()
    assert _is_ready(address)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SYPHUS_HOST": "0.0.0.0"}, "SYPHUS_API_KEYS"),
        ({"SYPHUS_HOST": "192.0.2.1", "SYPHUS_AUTH": "off"}, "SYPHUS_HOST"),
        ({"SYPHUS_PORT": "eighty"}, "SYPHUS_PORT is 'eighty'"),
        ({"SYPHUS_LOG_LEVEL": "loud", "SYPHUS_WORKERS": "0"}, "SYPHUS_LOG_LEVEL is 'LOUD'"),
        ({"SYPHUS_PRICES": '{"mine": 3}'}, "SYPHUS_PRICES"),
    ],
)
def test_a_start_that_must_not_be_is_refused_in_one_line(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    home = tmp_path / "home"
    refusal = _run_to_its_end({"SYPHUS_HOME": str(home), **_MODEL, **environment})
    assert sentence in refusal
    assert not home.exists()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refusal = _run_to_its_end({"SYPHUS_HOME": str(tmp_path / "home"), "SYPHUS_PORT": str(port), **_MODEL})
    assert refusal == f"Cannot listen on 127.0.0.1:{port} (Address already in use): set SYPHUS_HOST or SYPHUS_PORT."


def test_a_second_service_on_the_folder_is_refused(start_service: Callable[[], Service], tmp_path: Path) -> None:
    service, _ = start_service()
    refusal = _run_to_its_end({"SYPHUS_HOME": str(tmp_path), "SYPHUS_PORT": "0", **_MODEL})
    assert f"in use by process {service.pid}" in refusal


def _run_to_its_end(environment: dict[str, str]) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "app.serve"],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    return lines[0]
