"""The owner's side: take the folder, start the keeper, hand out the addresses, stop it all."""

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from app.embedded.failures import EmbeddedError, last_lines
from app.embedded.locating import make_plan
from app.embedded.plan import Plan, Running, decode_running, encode

_START_TIMEOUT_S = 240.0
_STOP_TIMEOUT_S = 60.0
_LIVING_TIMEOUT_S = 1.0  # whoever was just killed still counts as living, and holds its files, for a moment
_CHANGING_TIMEOUT_S = 3.0  # an owner that starts or stops
_LEFTOVERS_TIMEOUT_S = 60.0
_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from app.embedded.keeper import main; sys.exit(main())"
_PROJECT = Path(__file__).resolve().parents[2]


class Embedded:
    """A running instance that this process owns. Use it as a context manager or call `stop`; both are blocking."""

    def __init__(self, home: Path, keeper: subprocess.Popen[bytes], lock: int, running: Running) -> None:
        self._home = home
        self._keeper = keeper
        self._lock = lock
        self._running = running
        self._is_stopped = False

    @property
    def home(self) -> Path:
        return self._home

    @property
    def database_url(self) -> str | None:
        """`postgresql://…?host=<folder of the socket>`; None when no database was asked for."""
        return self._running.database_url

    @property
    def redis_url(self) -> str | None:
        """`unix://<socket>`; None when it was not asked for."""
        return self._running.redis_url

    @property
    def model_url(self) -> str | None:
        """Base URL of the OpenAI protocol, ending in `/v1`; None when no model was asked for."""
        return self._running.model_url

    @property
    def model_name(self) -> str | None:
        return self._running.model_name

    @property
    def is_running(self) -> bool:
        """False once the keeper has gone, whatever the reason; its servers go with it."""
        return not self._is_stopped and self._keeper.poll() is None

    def stop(self) -> None:
        """Stop all servers in order and free the folder; a second call does nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        _dismiss(self._keeper, _STOP_TIMEOUT_S)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_embedded(home: Path, *, database: bool, redis: bool, model: bool) -> Embedded:
    """Start the parts that are asked for under `home`, and wait until they answer (about a second).

    Raises EmbeddedError when the folder is in use, a wheel is missing or a server does not start.
    """
    home = home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = _take_home(home)
    except OSError as error:
        raise EmbeddedError(f"The folder {home} cannot be used ({error}): set SYPHUS_HOME to another.") from error
    try:
        plan = make_plan(home, lock, database=database, redis=redis, model=model)
        keeper, running = _start_keeper(plan)
    except BaseException:
        os.close(lock)
        raise
    return Embedded(home, keeper, lock, running)


def find_running(home: Path) -> Running | None:
    """The addresses of the instance that runs on `home` now, whoever owns it; None when there is none."""
    home = home.resolve()
    running = _read_running(home)
    return running if running is not None and _is_locked(home) else None


def _take_home(home: Path) -> int:
    """The lock of the folder; waits for the leftovers of a dead owner, refuses beside a living one."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = _read_owner(descriptor)
            if time.monotonic() - started > _choose_patience_s(owner, _read_running(home)):
                os.close(descriptor)
                raise EmbeddedError(
                    f"The folder {home} is in use by process {owner}: stop that process,"
                    " or set SYPHUS_HOME to another folder."
                ) from None
            time.sleep(0.02)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _choose_patience_s(owner: int | None, running: Running | None) -> float:
    """How long a held lock may still come free: hardly beside a living instance, long after a dead one."""
    if owner is None or not _is_alive(owner):
        return _LEFTOVERS_TIMEOUT_S
    if running is None:
        return _CHANGING_TIMEOUT_S
    return _LIVING_TIMEOUT_S if _is_alive(running.keeper_pid) else _LEFTOVERS_TIMEOUT_S


def _read_owner(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_locked(home: Path) -> bool:
    try:
        descriptor = os.open(home / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read_running(home: Path) -> Running | None:
    try:
        return decode_running((home / "run.json").read_bytes())
    except (OSError, ValueError, TypeError):
        return None


def _start_keeper(plan: Plan) -> tuple[subprocess.Popen[bytes], Running]:
    log = Path(plan.home) / "log" / "keeper.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as errors:
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(_PROJECT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(plan.lock_fd,),
            start_new_session=True,  # a Ctrl-C at the terminal is for the owner alone
        )
    try:
        assert keeper.stdin is not None  # noqa: S101  # asked for above
        keeper.stdin.write(encode(plan))
        keeper.stdin.flush()
        answer = _read_report(keeper)
    except BaseException:
        _dismiss(keeper, _STOP_TIMEOUT_S)
        raise
    refusal = json.loads(answer).get("error") if answer else f"The keeper ended:{last_lines(log)}"
    if refusal:
        _dismiss(keeper, _STOP_TIMEOUT_S)
        raise EmbeddedError(refusal)
    return keeper, decode_running(answer)


def _read_report(keeper: subprocess.Popen[bytes]) -> bytes:
    assert keeper.stdout is not None  # noqa: S101  # asked for by _start_keeper
    deadline = time.monotonic() + _START_TIMEOUT_S
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([keeper.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise EmbeddedError(f"The embedded servers did not start within {_START_TIMEOUT_S:.0f} s.")
        piece = os.read(keeper.stdout.fileno(), 65536)
        if not piece:
            return b""
        line += piece
    return line


def _dismiss(keeper: subprocess.Popen[bytes], patience_s: float) -> None:
    """Close the pipe, which asks the keeper to stop its servers and end; insist if it does not."""
    for stream in (keeper.stdin, keeper.stdout):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue
    try:
        keeper.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
