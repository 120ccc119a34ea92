"""The Dockerfile and compose.yaml name only what is there, and the commands in them run."""

import http.server
import importlib.util
import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

_PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (_PROJECT / "Dockerfile").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_PROJECT / "compose.yaml").read_text())
    return content


@pytest.fixture
def api() -> Iterator[type[http.server.BaseHTTPRequestHandler]]:
    """Something on port 8000's stand-in that answers /readyz; `status` says how."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200
        port = 0

        def do_GET(self) -> None:
            self.send_response(self.status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Handler
        server.shutdown()
        thread.join()


def _find_list(text: str, pattern: str) -> list[str]:
    found = re.search(pattern + r"\s*(\[.*\])", text)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


def test_every_file_the_image_copies_exists_and_is_let_through(dockerfile: str) -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_through = (_PROJECT / ".dockerignore").read_text().split()
    assert {"app", "workers", "datasets", "alembic.ini"} <= set(copied)
    for source in copied:
        assert (_PROJECT / source).exists(), source
        assert f"!{source}" in let_through


def test_the_image_does_not_run_as_root(dockerfile: str) -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert users
    assert "0" not in users[-1]


def test_the_image_s_own_command_serves_an_application_that_exists(dockerfile: str) -> None:
    program, target, *_ = _find_list(dockerfile, r"\nCMD")
    assert program == "uvicorn"
    module, _, name = target.partition(":")
    check = f"import importlib; assert callable(getattr(importlib.import_module({module!r}), {name!r}))"
    subprocess.run([sys.executable, "-c", check], cwd=_PROJECT, check=True)


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False)])
def test_the_health_check_says_what_readyz_says(dockerfile: str, api: Any, status: int, is_healthy: bool) -> None:
    api.status = status
    program, flag, code = _find_list(dockerfile, "HEALTHCHECK .* CMD")
    assert program == "python"
    run = subprocess.run([sys.executable, flag, code.replace("8000", str(api.port))], capture_output=True)
    assert (run.returncode == 0) is is_healthy


def test_every_python_command_of_compose_names_a_module_that_exists(compose: dict[str, Any]) -> None:
    commands = [
        service["command"]
        for service in compose["services"].values()
        if service.get("image") == "syphus" and "command" in service
    ]
    assert len(commands) >= 2
    for command in commands:
        assert command[:2] == ["python", "-m"]
        assert importlib.util.find_spec(command[2]) is not None, command


def test_compose_runs_every_part_and_two_workers_after_the_migration(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "valkey", "migrate", "api", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    named = {mount.partition(":")[0] for service in services.values() for mount in service.get("volumes", [])}
    assert named == set(compose["volumes"])


def test_the_image_installs_what_the_project_declares_and_no_embedded_server() -> None:
    project = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["project"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (_PROJECT / "requirements" / "runtime.txt").read_text(), re.MULTILINE))
    assert {_name(requirement) for requirement in project["dependencies"]} <= locked
    assert not {_name(requirement) for requirement in project["optional-dependencies"]["embedded"]} & locked


def test_both_locks_agree_and_every_line_of_them_is_hashed() -> None:
    dev, runtime = (_read_lock(name) for name in ("dev.txt", "runtime.txt"))
    assert runtime.items() <= dev.items()
    for name in ("dev.txt", "runtime.txt"):
        text = (_PROJECT / "requirements" / name).read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(_read_lock(name))


def _read_lock(name: str) -> dict[str, str]:
    text = (_PROJECT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[._]", "-", found[0]).lower()
