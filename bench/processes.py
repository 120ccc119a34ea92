"""Real processes for benchmarks: a database, an API server, and how much memory a process ever held."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from app.embedded import start_embedded
from app.store.migrate import migrate

PROJECT = Path(__file__).resolve().parents[1]
NO_REDIS = "redis://127.0.0.1:1"
LOOK_S = 0.02


@contextmanager
def open_database() -> Iterator[str]:
    """The URL of a migrated database: DATABASE_URL, or an embedded one of its own."""
    configured = os.environ.get("DATABASE_URL")
    if configured:
        migrate(configured)
        yield configured
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        start_embedded(Path(folder), database=True, redis=False, model=False) as embedded,
    ):
        if embedded.database_url is None:
            raise RuntimeError("the embedded PostgreSQL gave no address")
        migrate(embedded.database_url)
        yield embedded.database_url


@contextmanager
def serve_api(database_url: str, home: Path) -> Iterator[tuple[str, int]]:
    """`uvicorn app.main:app` as a process of its own: its URL and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    with run_apart(command, database_url, home) as process:
        url = f"http://127.0.0.1:{port}"
        _await_answer(f"{url}/healthz", process)
        yield url, process.pid


@contextmanager
def run_apart(
    command: list[str], database_url: str, home: Path, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with this service's settings and what else is put into its environment, ended with the block."""
    settings = {"DATABASE_URL": database_url, "REDIS_URL": NO_REDIS, "SYPHUS_HOME": str(home)}
    with subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **settings, **environment}) as process:
        try:
            yield process
        finally:
            process.terminate()


class PeakMemory:
    """A context manager that watches a process: `rss_mb` is the most it held."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._peak_bytes = 0

    def __enter__(self) -> "PeakMemory":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    @property
    def rss_mb(self) -> float:
        return self._peak_bytes / 1e6

    def _look(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._ended.wait(LOOK_S):
                self._peak_bytes = max(self._peak_bytes, self._process.memory_info().rss)


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(LOOK_S)
    raise RuntimeError(f"nothing answers at {url}")
