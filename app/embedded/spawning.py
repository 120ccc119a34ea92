"""Child processes that the kernel signals when their parent dies (Linux; elsewhere the keeper alone sees to it)."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOG_CAP_BYTES = 8 * 2**20


def die_with_parent(signal_number: int, parent: int) -> Callable[[], None]:
    """A function for the child of `parent` to call after its fork, and after a change of uid, which forgets the wish.

    The wish is tied to the thread that forks: call `spawn` from the main thread of a process without others.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    death_signal: int,
    uid: int | None = None,
    gid: int | None = None,
    keep_fds: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that writes to `log`, under `uid` when one is given, and ends with this process."""
    log.parent.mkdir(parents=True, exist_ok=True)
    keep_on = log.exists() and log.stat().st_size < _LOG_CAP_BYTES
    with log.open("ab" if keep_on else "wb") as output:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=output,
            stderr=output,
            pass_fds=keep_fds,
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            umask=0o077,
            env=environment,
            preexec_fn=die_with_parent(death_signal, os.getpid()),  # the keeper has no other thread
        )
