"""`make serve`: the whole service on one machine - embedded parts, the API and its workers - under one supervisor.

The supervisor holds the listening socket, so that a restart of the API refuses no connection. Every child is told
by the kernel to stop when the supervisor dies, and embedded parts stop by themselves (see `app.embedded`).
"""

import asyncio
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from app.api.auth import StartRefusedError, check_start
from app.embedded import EmbeddedError, Endpoints, resolve_endpoints
from app.embedded.spawning import die_with_parent
from app.services.fleet import release_worker
from app.settings import Settings, SettingsError, load_settings
from app.store.migrate import migrate
from app.store.session import make_engine, make_sessions

_LOOK_S = 0.1
_STEADY_S = 10.0
_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_DEATHS_BEFORE_READY = 5
_STOP_MARGIN_S = 10.0
_API_DRAIN_S = 10
_RELEASE_TIMEOUT_S = 5.0
_WORKER_ID = "SYPHUS_WORKER_ID"
_DEMO_CALLS_IN_FLIGHT = 4  # the embedded model answers two at a time; more only wait for their timeouts


class _StoppedError(Exception):
    """A signal asked for the end while parts were still starting."""


class _FailedError(Exception):
    """The service cannot go on; the message says why."""


@dataclass(slots=True)
class Child:
    """A process that is always wanted; `make_environment` is asked anew for every start."""

    name: str
    argv: list[str]
    make_environment: Callable[[], dict[str, str]]
    keep_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    started_at: float = 0.0
    deaths_in_a_row: int = 0

    def start(self) -> None:
        self.environment = self.make_environment()
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            pass_fds=self.keep_fds,
            process_group=0,  # a Ctrl-C at the terminal is for the supervisor, which passes it on in order
            preexec_fn=die_with_parent(signal.SIGTERM, os.getpid()),  # the supervisor has no other thread
        )

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    """Keeps the children running until a signal comes or one cannot live."""

    def __init__(self, settings: Settings, endpoints: Endpoints, listener: socket.socket) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._listener = listener
        self._signals_seen = 0
        self._is_ready = False
        workers = count_workers(settings)
        environment = _child_environment(settings, endpoints, workers)
        self._api = Child(
            "API",
            [sys.executable, "-m", "app.serve", "api", str(listener.fileno())],
            lambda: environment,
            keep_fds=(listener.fileno(),),
        )
        self._workers = [
            Child(f"worker {number}", [sys.executable, "-m", "workers"], lambda: _named(environment))
            for number in range(1, workers + 1)
        ]

    def run(self) -> None:
        """Start all, watch all, stop all. Raises _FailedError when the service cannot go on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note_signal)
        children = [self._api, *self._workers]
        try:
            for child in children:
                child.start()
            while not self._signals_seen:
                self._look_at(children)
                time.sleep(_LOOK_S)  # a signal ends the loop within this
        finally:
            self._stop(children)

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals_seen += 1

    def _look_at(self, children: list[Child]) -> None:
        owned = self._endpoints.owned
        if owned is not None and not owned.is_running:
            raise _FailedError(f"The embedded parts ended; see {owned.home / 'log'}.")
        for child in children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child)
            if child.process is None and time.monotonic() - child.started_at >= _backoff_s(child):
                child.start()
        if not self._is_ready and answers_ready(self._listener):
            self._is_ready = True
            self._announce()

    def _bury(self, child: Child) -> None:
        assert child.process is not None  # noqa: S101  # the caller has just polled it
        status = child.process.returncode
        child.process = None
        lived_s = time.monotonic() - child.started_at
        child.deaths_in_a_row = child.deaths_in_a_row + 1 if lived_s < _STEADY_S else 1
        if not self._is_ready and child.deaths_in_a_row >= _DEATHS_BEFORE_READY:
            raise _FailedError(f"The {child.name} ended {child.deaths_in_a_row} times at its start (status {status}).")
        _say(f"The {child.name} ended (status {status}); starting it again.")
        if _WORKER_ID in child.environment:
            asyncio.run(_release(self._endpoints.database_url, child.environment[_WORKER_ID]))

    def _announce(self) -> None:
        workers = "1 worker" if len(self._workers) == 1 else f"{len(self._workers)} workers"
        print(f"Syphus answers at {address_of(self._listener)} with {workers}; Ctrl-C stops it.", flush=True)

    def _stop(self, children: list[Child]) -> None:
        """Ask all to end, wait as long as calls in flight may take, insist after that or a second signal."""
        for child in children:
            child.send(signal.SIGTERM)
        seen = self._signals_seen
        if seen:
            _say(f"Stopping: calls under way get {self._settings.drain_s:g} s to come back; Ctrl-C again ends at once.")
        deadline = time.monotonic() + self._settings.drain_s + _STOP_MARGIN_S
        while any(child.process is not None and child.process.poll() is None for child in children):
            if time.monotonic() > deadline or self._signals_seen > max(1, seen):
                for child in children:
                    child.send(signal.SIGKILL)
            time.sleep(_LOOK_S / 5)


def main(arguments: list[str]) -> int:
    """The command line; the exit status is 0 after a stop by signal, 1 after a refusal or a failure."""
    if arguments[:1] == ["api"]:
        return serve_api(int(arguments[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_starting)
    try:
        serve(load_settings())
    except _StoppedError:
        return 0
    except (EmbeddedError, SettingsError, StartRefusedError, _FailedError) as error:
        _say(str(error))
        return 1
    return 0


def serve(settings: Settings) -> None:
    """Start what has no URL, migrate, and supervise until a signal comes. Main thread only."""
    check_start(settings)
    with listen(settings.host, settings.port) as listener:
        endpoints = resolve_endpoints(settings, own=True)
        try:
            migrate(endpoints.database_url)
            Supervisor(settings, endpoints, listener).run()
        finally:
            endpoints.stop()


def serve_api(descriptor: int) -> int:
    """The API's own process, on the listening socket that the supervisor holds."""
    with socket.socket(fileno=descriptor) as listener:
        config = uvicorn.Config(
            "app.main:app",
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=_API_DRAIN_S,
        )
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
    return 0 if server.started else 1


def count_workers(settings: Settings) -> int:
    """SYPHUS_WORKERS, or one less than there are cores."""
    return settings.workers or max(1, (os.cpu_count() or 2) - 1)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; port 0 takes any. Raises _FailedError in words when the place is taken."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(place[:2], family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise _FailedError(f"Cannot listen on {host}:{port} ({why}): set SYPHUS_HOST or SYPHUS_PORT.") from error


def address_of(listener: socket.socket) -> str:
    """The URL to type, e.g. `http://127.0.0.1:8000`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers_ready(listener: socket.socket) -> bool:
    """Whether the API behind the socket says that it is ready."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # asked from this machine
    connection = http.client.HTTPConnection(reachable, port, timeout=0.5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def _release(database_url: str, worker_id: str) -> None:
    """Free at once what a dead worker held; where the database cannot be asked, its leases run out by themselves."""
    engine = make_engine(database_url, pool_size=1)
    try:
        async with asyncio.timeout(_RELEASE_TIMEOUT_S):
            await release_worker(make_sessions(engine), worker_id)
    except (OSError, TimeoutError, SQLAlchemyError) as error:
        _say(f"What worker {worker_id} held is freed when its leases run out ({type(error).__name__}).")
    finally:
        await engine.dispose()


def _child_environment(settings: Settings, endpoints: Endpoints, workers: int) -> dict[str, str]:
    environment = dict(os.environ)
    environment |= {
        "SYPHUS_HOME": str(settings.home.resolve()),
        "DATABASE_URL": endpoints.database_url,
        "REDIS_URL": endpoints.redis_url,
        "OPENAI_MODEL": endpoints.model_name,
    }
    if endpoints.model_url:
        environment["OPENAI_BASE_URL"] = endpoints.model_url
    if endpoints.is_demo_model:
        environment.setdefault("SYPHUS_CONCURRENCY", str(max(1, _DEMO_CALLS_IN_FLIGHT // workers)))
    return environment


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    """A fresh worker id for every start, so that nothing of a dead worker is taken for the new one's."""
    return {**environment, _WORKER_ID: f"{socket.gethostname()}-{secrets.token_hex(6)}"}


def _backoff_s(child: Child) -> float:
    return _BACKOFF_S[min(child.deaths_in_a_row, len(_BACKOFF_S)) - 1] if child.deaths_in_a_row else 0.0


def _stop_starting(number: int, frame: FrameType | None) -> None:
    raise _StoppedError


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
