"""Whether an earlier run is still alive: each holds a lock on a file in the folder, which falls with its process."""

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.services.fleet import release_worker
from app.store.run_rows import list_lease_owners
from app.store.session import Sessions


@contextmanager
def hold_run(home: Path) -> Iterator[str]:
    """A worker id of this run's own, and the lock that says it lives."""
    worker_id = f"main.py-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    path = _lock_path(home, worker_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield worker_id
        finally:
            path.unlink(missing_ok=True)


async def release_dead_runs(sessions: Sessions, home: Path, job_id: int) -> int:
    """Free at once the shards of killed runs, which else wait for their leases to run out. Answers how many runs.

    A worker whose lock is not in this folder, perhaps on another machine, is left to its lease.
    """
    async with sessions() as session:
        owners = await list_lease_owners(session, job_id)
    dead = [owner for owner in owners if _is_dead(_lock_path(home, owner))]
    for owner in dead:
        await release_worker(sessions, owner)
        _lock_path(home, owner).unlink(missing_ok=True)
    return len(dead)


def _lock_path(home: Path, worker_id: str) -> Path:
    return home / "runs" / f"{worker_id.replace('/', '_')}.lock"


def _is_dead(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True
