"""What the keeper knows of every server: start it, see whether it answers, ask it to go."""

import os
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from app.embedded.failures import EmbeddedError, last_lines
from app.embedded.plan import Plan, ValkeyPlan
from app.embedded.spawning import spawn

CLEAN_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_VALKEY_MEMORY = "256mb"


class Part(ABC):
    """One server. `stop_signals` are sent in turn, each with the seconds it is given before the next."""

    name: str
    stop_signals: tuple[tuple[signal.Signals, float], ...]

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.log = Path(plan.home) / "log" / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:  # noqa: B027  # most parts need nothing
        """Make whatever must exist before the first start; may take a moment."""

    def is_free_to_start(self) -> bool:
        """False while remains of an earlier run are still ending."""
        return True

    @abstractmethod
    def start(self) -> None:
        """Spawn the server; returns at once."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers; never waits."""

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def failure(self) -> EmbeddedError:
        code = None if self.process is None else self.process.poll()
        ending = "did not become ready" if code is None else f"ended with status {code}"
        return EmbeddedError(f"The embedded {self.name} {ending}; {self.log} ends with:{last_lines(self.log)}")

    def stop(self) -> None:
        for number, patience_s in self.stop_signals:
            if self.process is None or self.process.poll() is not None:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(timeout=patience_s)
            except subprocess.TimeoutExpired:
                continue


class Valkey(Part):
    """Holds ids only, so it keeps nothing on disk; a full memory refuses writes instead of dropping doorbells."""

    name = "valkey"
    stop_signals = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, plan: Plan, part: ValkeyPlan) -> None:
        super().__init__(plan)
        self._binary = part.binary
        self._socket = Path(plan.sockets) / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": self.plan.sockets,
            "save": "",
            "appendonly": "no",
            "maxmemory": _VALKEY_MEMORY,
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        argv = [self._binary]
        for option, value in options.items():
            argv += [f"--{option}", value]
        self.process = spawn(
            argv,
            log=self.log,
            death_signal=signal.SIGTERM,
            uid=self.plan.uid,
            gid=self.plan.gid,
            keep_fds=(self.plan.lock_fd,),
            environment=CLEAN_ENVIRONMENT,
        )

    def is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False
