"""The keeper's process: parent of the servers, bound to its owner by a pipe.

It reads its plan from standard input, reports one line on standard output, and stops everything when standard
input ends. It uses the standard library only, so that it starts in a blink, and has one thread only, because the
kernel ties "tell me when my parent dies" to the thread that forked.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from app.embedded.failures import EmbeddedError
from app.embedded.model import Model
from app.embedded.parts import Part, Valkey
from app.embedded.plan import Plan, Running, decode_plan, encode
from app.embedded.postgres import Postgres

_READY_TIMEOUT_S = 180.0
_LOOK_S = 0.01
_OWNER_CHECK_S = 1.0
_STEADY_S = 10.0
_BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)


class _OwnerLeftError(Exception):
    """The owner stopped or died: time to go."""


class Keeper:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parts: list[Part] = []
        self._endpoints = Running(plan.owner_pid, os.getpid(), None, None, None, None)
        self._run_file = Path(plan.home) / "run.json"
        self._wake, poke = os.pipe()
        os.set_blocking(poke, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
        self._is_asked_to_stop = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def run(self) -> int:
        """Start, report, watch, stop; the exit status."""
        try:
            self._start()
            _report(encode(self._endpoints))
            self._watch()
        except _OwnerLeftError:
            return 0
        except (EmbeddedError, OSError) as error:
            _report(json.dumps({"error": str(error)}).encode() + b"\n")
            return 1
        finally:
            self._stop()
        return 0

    def _start(self) -> None:
        plan = self._plan
        model = Model(plan, plan.model) if plan.model else None
        valkey = Valkey(plan, plan.valkey) if plan.valkey else None
        postgres = Postgres(plan, plan.postgres) if plan.postgres else None
        for part in (model, valkey, postgres):
            if part is not None:
                self._wait_until_free(part)
                part.prepare()
                part.start()
                self._parts.append(part)
        for started in self._parts:
            self._wait_until_ready(started)
        self._endpoints = replace(
            self._endpoints,
            database_url=postgres.url if postgres else None,
            redis_url=valkey.url if valkey else None,
            model_url=model.url if model else None,
            model_name=plan.model.model_name if plan.model else None,
        )
        self._publish()

    def _publish(self) -> None:
        draft = self._run_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(encode(self._endpoints))
        draft.rename(self._run_file)

    def _wait_until_free(self, part: Part) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not part.is_free_to_start():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"The {part.name} of an earlier run in {self._plan.home} does not end.")
            self._pause(_LOOK_S)

    def _wait_until_ready(self, part: Part) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not part.is_ready():
            if part.has_ended or time.monotonic() > deadline:
                raise part.failure()
            self._pause(_LOOK_S)

    def _watch(self) -> None:
        """Start a server again whenever it ends by itself, more slowly when it keeps ending."""
        deaths = dict.fromkeys(self._parts, 0)
        since = dict.fromkeys(self._parts, time.monotonic())
        while True:
            wait_s = _OWNER_CHECK_S
            for part in self._parts:
                if not part.has_ended:
                    continue
                now = time.monotonic()
                if now - since[part] > _STEADY_S:
                    deaths[part] = 0
                backoff_s = _BACKOFF_S[min(deaths[part], len(_BACKOFF_S) - 1)]
                wait_s = min(wait_s, backoff_s)
                if now - since[part] >= backoff_s and part.is_free_to_start():
                    deaths[part] += 1
                    since[part] = now
                    part.start()
            self._pause(wait_s)

    def _pause(self, seconds: float) -> None:
        """Sleep until something happens; raises _OwnerLeftError when that is the end of the owner."""
        readable, _, _ = select.select([sys.stdin.fileno(), self._wake], [], [], seconds)
        if self._wake in readable:
            os.read(self._wake, 4096)
        left = sys.stdin.fileno() in readable or os.getppid() != self._plan.owner_pid
        if left or self._is_asked_to_stop:
            raise _OwnerLeftError

    def _ask_to_stop(self, *_: object) -> None:
        self._is_asked_to_stop = True

    def _stop(self) -> None:
        """First nobody is sent here any more, then the servers end, and the folder is free last of all."""
        self._run_file.unlink(missing_ok=True)
        for part in self._parts:
            part.stop()
        shutil.rmtree(self._plan.sockets, ignore_errors=True)


def _report(line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # an owner that died shows as the end of standard input
        os.write(sys.stdout.fileno(), line)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(sys.stdin.fileno(), 65536)
        if not piece:
            break
        line += piece
    return line


def main() -> int:
    """Entry of the process that `launching` starts."""
    line = _read_line()
    return Keeper(decode_plan(line)).run() if line.endswith(b"\n") else 1
