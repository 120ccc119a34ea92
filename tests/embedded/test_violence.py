"""Whatever is killed, committed rows stay, nothing is orphaned, and the next start works."""

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import asyncpg

from app.embedded import find_running, start_embedded
from app.embedded.plan import Running, encode
from tests.embedded.conftest import Owner, read_rows, write_row
from tests.support.processes import find_family, find_process, kill_all, run_python, wait_until_gone
from tests.support.waiting import block_until, wait_until


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().partition("\n")[0])


async def _answers(database_url: str | None) -> bool:
    try:
        await read_rows(database_url)
    except (OSError, asyncpg.PostgresError):
        return False
    return True


async def test_a_killed_postmaster_is_started_again_with_all_rows(tmp_path: Path) -> None:
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        await write_row(embedded.database_url, 1)
        for _ in range(3):
            killed = find_process(_postmaster(tmp_path))
            os.kill(killed.pid, signal.SIGKILL)
            wait_until_gone([killed])
            await wait_until(lambda: _answers(embedded.database_url), "recovery")
        assert await read_rows(embedded.database_url) == [1]


async def test_a_killed_owner_leaves_no_process_and_all_rows(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner, running = start_owner(tmp_path, "database", "redis", "model")
    await write_row(running.database_url, 1)
    family = find_family(owner.pid)
    owner.kill()
    wait_until_gone(family)
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        assert await read_rows(embedded.database_url) == [1]


async def test_a_killed_keeper_takes_its_servers_with_it(tmp_path: Path) -> None:
    with start_embedded(tmp_path, database=True, redis=True, model=True) as embedded:
        await write_row(embedded.database_url, 1)
        running = find_running(tmp_path)
        assert running is not None
        family = find_family(running.keeper_pid)
        os.kill(running.keeper_pid, signal.SIGKILL)
        block_until(lambda: not embedded.is_running, "the end of the keeper")
        wait_until_gone(family)
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        assert await read_rows(embedded.database_url) == [1]


def test_what_a_killed_keeper_still_holds_is_waited_for(tmp_path: Path) -> None:
    keeper = subprocess.Popen(["true"])
    keeper.wait()
    (tmp_path / "run.json").write_bytes(encode(Running(os.getpid(), keeper.pid, None, None, None, None)))
    held = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.write(held, f"{os.getpid()}\n".encode())
    fcntl.flock(held, fcntl.LOCK_EX)
    release = threading.Timer(1.5, os.close, (held,))
    release.start()
    start_embedded(tmp_path, database=False, redis=True, model=False).stop()
    release.join()


async def test_killing_everything_at_once_loses_no_row(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    for attempt in range(3):
        owner, running = start_owner(tmp_path, "database", "redis")
        await write_row(running.database_url, attempt)
        family = find_family(owner.pid)
        kill_all(family)
        wait_until_gone([process for process in family if process.pid != owner.pid])
    with start_embedded(tmp_path, database=True, redis=True, model=False) as embedded:
        assert await read_rows(embedded.database_url) == [0, 1, 2]


async def test_a_first_start_that_is_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    with run_python("-m", "tests.embedded.owner", str(tmp_path)) as owner:
        block_until(lambda: (tmp_path / "postgres.new" / "PG_VERSION").exists(), "the first files")
        family = find_family(owner.pid)
        owner.kill()
    wait_until_gone(family)
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        await write_row(embedded.database_url, 1)


def test_a_stale_pid_file_that_names_a_stranger_harms_nobody(tmp_path: Path) -> None:
    start_embedded(tmp_path, database=True, redis=False, model=False).stop()
    identity = 65534 if os.geteuid() == 0 else None  # the same uid as the server's, so that it could be signalled
    stranger = subprocess.Popen(["sleep", "600"], user=identity)
    try:
        pid_file = tmp_path / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{tmp_path}\n0\n5432\n\n\n\nready   \n")
        start_embedded(tmp_path, database=True, redis=False, model=False).stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_path_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20) / ("deeper" * 10)
    with start_embedded(home, database=True, redis=True, model=False) as embedded:
        assert embedded.redis_url is not None
        sockets = Path(embedded.redis_url.removeprefix("unix://")).parent
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert len(str(sockets)) < 100
    assert not sockets.exists()


def test_sockets_left_by_a_killed_run_are_swept(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    home = tmp_path / ("deep" * 20) / ("deeper" * 10)
    owner, running = start_owner(home, "redis")
    assert running.redis_url is not None
    left = Path(running.redis_url.removeprefix("unix://")).parent
    family = find_family(owner.pid)
    kill_all(sorted(family, key=lambda process: process.pid != running.keeper_pid))
    wait_until_gone([process for process in family if process.pid != owner.pid])
    start_embedded(home, database=False, redis=True, model=False).stop()
    assert not left.exists()
