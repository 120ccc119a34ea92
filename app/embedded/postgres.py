"""The embedded PostgreSQL: made once, started on a unix socket, recovered after any kind of death.

Its data folder may lie below one that its uid must not enter (a clone in /root). The keeper, which may, opens the
folder and hands the descriptor down; the server reaches it as /proc/self/fd/N, where no parent is asked.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from app.embedded.failures import EmbeddedError, last_lines
from app.embedded.parts import CLEAN_ENVIRONMENT, Part
from app.embedded.plan import Plan, PostgresPlan
from app.embedded.privileges import is_reachable
from app.embedded.spawning import spawn

_USER = "syphus"
_DATABASE = "syphus"
_INIT_TIMEOUT_S = 120.0

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres(Part):
    name = "postgres"
    # fast, immediate, and what cannot be refused
    stop_signals = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, plan: Plan, part: PostgresPlan) -> None:
        super().__init__(plan)
        home = Path(plan.home)
        self._programs = Path(part.installation) / "bin"
        self._data = home / "postgres"
        self._draft = home / "postgres.new"
        self._password_file = home / "postgres.password"
        self._lock_file = home / "postgres.lock"

    @property
    def url(self) -> str:
        password = self._password_file.read_text().strip()
        return f"postgresql://{_USER}:{password}@/{_DATABASE}?host={quote(self.plan.sockets, safe='/')}"

    def is_free_to_start(self) -> bool:
        """Every process of an earlier run carries the lock: once it is free, its pid file names nobody of ours."""
        lock = self._take_lock()
        if lock is None:
            return False
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists() and not self._is_served_by(_first_number(pid_file)):
            pid_file.unlink()
        os.close(lock)
        return True

    def prepare(self) -> None:
        if not self._data.exists():
            self._make_cluster()
        elif not self._password_file.exists():
            raise EmbeddedError(f"{self._password_file} is missing, without it {self._data} cannot be opened.")

    def start(self) -> None:
        settings = _SETTINGS | {"unix_socket_directories": self.plan.sockets}
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        self.process = self._spawn("postgres", self._data, arguments)

    def is_ready(self) -> bool:
        """The server itself writes its state to the last line of its pid file, as pg_ctl reads it."""
        pid_file = self._data / "postmaster.pid"
        if self.process is None or not pid_file.exists():
            return False
        lines = pid_file.read_text().splitlines()
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def _make_cluster(self) -> None:
        """Build the database cluster aside and rename it: a start that is cut short leaves none half made."""
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(mode=0o700)
        self._give_away(self._draft)
        password = secrets.token_urlsafe(32)
        _write_private(self._password_file, password)
        handed = Path(self.plan.sockets) / "password"
        _write_private(handed, password)
        self._give_away(handed)
        try:
            self._run(
                "initdb",
                [
                    f"--username={_USER}",
                    "--auth=scram-sha-256",
                    f"--pwfile={handed}",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--data-checksums",
                ],
            )
        finally:
            handed.unlink()
        self._run("postgres", ["--single", "postgres"], options_first=False, text=f"CREATE DATABASE {_DATABASE};\n")
        self._draft.rename(self._data)

    def _run(self, program: str, arguments: list[str], *, options_first: bool = True, text: str = "") -> None:
        process = self._spawn(program, self._draft, arguments, options_first=options_first, stdin=subprocess.PIPE)
        try:
            process.communicate(text.encode(), timeout=_INIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise EmbeddedError(
                f"{program} could not make the database ({process.returncode}); {self.log} ends with:"
                f"{last_lines(self.log)}"
            )

    def _spawn(
        self,
        program: str,
        folder: Path,
        arguments: list[str],
        *,
        options_first: bool = True,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        lock = self._take_lock()
        if lock is None:
            raise EmbeddedError(f"Another PostgreSQL still uses {self._data}.")
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            place = ["-D", self._place(folder, handle)]
            ordered = [*place, *arguments] if options_first else [arguments[0], *place, *arguments[1:]]
            return spawn(
                [str(self._programs / program), *ordered],
                log=self.log,
                death_signal=signal.SIGINT,
                uid=self.plan.uid,
                gid=self.plan.gid,
                keep_fds=(lock, handle),
                stdin=stdin,
                environment=CLEAN_ENVIRONMENT,
            )
        finally:
            os.close(handle)
            os.close(lock)

    def _place(self, folder: Path, handle: int) -> str:
        ids = None if self.plan.uid is None or self.plan.gid is None else (self.plan.uid, self.plan.gid)
        if is_reachable(folder, ids):
            return str(folder)
        if sys.platform != "linux":
            raise EmbeddedError(f"The unprivileged user cannot reach {folder}: set SYPHUS_HOME to a folder it can.")
        return f"/proc/self/fd/{handle}"

    def _give_away(self, path: Path) -> None:
        if self.plan.uid is not None and self.plan.gid is not None:
            os.chown(path, self.plan.uid, self.plan.gid)

    def _take_lock(self) -> int | None:
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _is_served_by(self, pid: int) -> bool:
        """Whether somebody else's PostgreSQL (started by hand, say) has this data folder open; Linux only."""
        working_folder = Path(f"/proc/{pid}/cwd")
        try:
            return pid > 0 and working_folder.samefile(self._data)
        except OSError:
            return False


def _first_number(file: Path) -> int:
    first = file.read_text().partition("\n")[0].strip()
    return int(first) if first.isdecimal() else 0


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
