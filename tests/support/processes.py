"""Looking at real processes through /proc: who descends from whom, and who is still there."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import block_until

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Process:
    """A process and its birth, so that another one with the same number is not taken for it."""

    pid: int
    born: int
    name: str

    @property
    def is_alive(self) -> bool:
        status = _read_status(self.pid)
        return status is not None and status.born == self.born and status.state not in "ZX"


@dataclass(frozen=True, slots=True)
class _Status:
    name: str
    state: str
    parent: int
    born: int


def find_process(pid: int) -> Process:
    status = _read_status(pid)
    assert status is not None, f"no process {pid}"
    return Process(pid, status.born, status.name)


def find_family(pid: int) -> list[Process]:
    """The process and everything that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (status := _read_status(int(entry))) is not None:
            children.setdefault(status.parent, []).append(int(entry))
    family, todo = [], [pid]
    while todo:
        current = todo.pop()
        if (status := _read_status(current)) is not None:
            family.append(Process(current, status.born, status.name))
            todo += children.get(current, [])
    return family


def kill_all(processes: Sequence[Process]) -> None:
    """kill -9 for each that is still there: killing one may have ended another."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def wait_until_gone(processes: Sequence[Process], timeout_s: float = 30.0) -> None:
    """Return when none of them lives; the error names those that still do."""
    block_until(
        lambda: not any(process.is_alive for process in processes),
        f"the end of {', '.join(f'{process.name}({process.pid})' for process in processes)}",
        timeout_s,
    )


@contextmanager
def run_python(
    *arguments: str,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
    uid: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A Python process in the project, with pipes; killed at the end if it still runs."""
    process = subprocess.Popen(
        [python, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **(environment or {})},
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def _read_status(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return _Status(name=name, state=fields[0], parent=int(fields[1]), born=int(fields[19]))
