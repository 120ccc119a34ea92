"""Habits of the house that a linter cannot see: read from the source, not from what anyone remembers."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("app", "workers", "datasets") for path in (PROJECT / folder).rglob("*.py"))
ROOTS = {
    "app/main.py",
    "app/serve.py",
    "app/openapi.py",
    "app/settings.py",
    "app/store/migrate.py",
    "app/store/migrations/env.py",
    "workers/main.py",
    "workers/__main__.py",
    "workers/command_line/run.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def names_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]


def test_only_composition_roots_load_settings() -> None:
    loading = {name_of(path) for path in SOURCES if "load_settings" in set(names_in(path))}
    assert loading <= ROOTS


def test_only_the_module_of_problems_knows_the_frameworks_own_errors() -> None:
    assert [name_of(path) for path in SOURCES if "HTTPException" in set(names_in(path))] == ["app/api/problems.py"]


def test_nothing_is_pickled_evaluated_or_loaded_from_yaml() -> None:
    banned = {"pickle", "eval", "exec", "yaml", "marshal", "shelve"}
    assert {name_of(path): banned & set(names_in(path)) for path in SOURCES if banned & set(names_in(path))} == {}


def test_time_and_ids_come_from_the_clock() -> None:
    banned = {"utcnow", "uuid4", "uuid1", "token_urlsafe"}
    assert [name_of(path) for path in SOURCES if banned & set(names_in(path))] == []


@pytest.mark.parametrize("module", ["app.main", "workers.main", "app.store.migrate", "datasets.registry"])
def test_importing_opens_nothing_and_reads_no_settings(module: str) -> None:
    """A broken environment is noticed when a process starts, not when a module is imported."""
    environment = {"PATH": "/usr/bin:/bin", "SYPHUS_PORT": "no number", "DATABASE_URL": "no url"}
    script = f"import socket; socket.socket.connect = None; import {module}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_source_names_a_package_registry_or_a_path_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    hosts = ("pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs")
    for name in listed.stdout.splitlines():
        path = PROJECT / name
        if path.is_symlink() or path.suffix in {".png", ".gz"}:
            continue
        content = path.read_text(errors="replace")
        assert not any(host in content for host in hosts), name
        assert f"{PROJECT}/" not in content, name
