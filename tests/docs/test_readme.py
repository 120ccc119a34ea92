"""The README says nothing that is not there: its commands run as printed, its names exist."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import AliasChoices

from app.settings import Settings
from tests.support.endpoint import running_endpoint
from tests.support.processes import PROJECT, run_python
from workers.command_line.arguments import parse_arguments

README = (PROJECT / "README.md").read_text()
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
TIMEOUT_S = 240


def read_tour() -> str:
    """The commands of all blocks that are marked as the tour, in their order: the README's, then those of the pages."""
    texts = (document.read_text() for document in DOCUMENTS)
    return "\n".join(
        block for text in texts for block in re.findall(r"<!-- tour -->\n```sh\n(.*?)```", text, re.DOTALL)
    )


def name_variables() -> set[str]:
    """Every environment variable that the settings read."""
    names = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        spellings = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []
        names |= {name for name in spellings if name.isupper()} or {f"SYPHUS_{field.upper()}"}
    return names


def test_every_setting_is_in_the_table_and_the_table_names_no_other() -> None:
    table = README.partition("| variable | default |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`((?:SYPHUS|OPENAI|DATABASE|REDIS)_\w+)`", table)) == name_variables()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_variables_that_are_spoken_of_exist(document: Path) -> None:
    spoken_of = set(re.findall(r"\b((?:SYPHUS|OPENAI)_[A-Z_]*[A-Z])\b", document.read_text()))
    assert spoken_of <= name_variables() | {"SYPHUS_WORKER_ID"}


def test_defaults_in_the_table_are_the_settings() -> None:
    for field, info in Settings.model_fields.items():
        if isinstance(info.default, int | float):
            assert f"| `SYPHUS_{field.upper()}` | `{info.default:g}` |".replace("e+", "") in README or (
                f"| `SYPHUS_{field.upper()}` | `{int(info.default)}` |" in README
            ), field


def test_every_option_of_the_command_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    options = set(re.findall(r"(--[a-z_]+)", capsys.readouterr().out.partition("options:")[0])) - {"--help"}
    section = README.partition("## From the command line")[2].partition("## ")[0]
    assert "--images" in options
    assert options <= set(re.findall(r"(--[a-z_]+)", section))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_that_are_spoken_of_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)`", document.read_text())) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted((PROJECT / "docs" / "kinds").glob("*.md"))], ids=lambda path: path.name
)
def test_commands_use_the_python_that_has_the_packages(document: Path) -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL))
    assert re.findall(r"^python.*", blocks, re.MULTILINE) == []


async def test_the_shortest_use_and_every_other_command_run_as_printed(tmp_path: Path) -> None:
    missing = [program for program in ("bash", "curl", "jq", "gzip") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    (tmp_path / "app").symlink_to(PROJECT / "app")
    environment = {"SYPHUS_HOME": str(tmp_path / "home"), "SYPHUS_PORT": "0", "SYPHUS_WORKERS": "1"}
    async with running_endpoint(latency_ms=700) as endpoint:
        environment["OPENAI_BASE_URL"] = endpoint.url
        done = await asyncio.to_thread(run_tour, tmp_path, environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert '"object":"stream.end"' in done.stdout
    assert (tmp_path / "SD_instructions.zh.json").stat().st_size > 1000
    assert '"response":"It is a bus."' in done.stdout


def run_tour(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    with run_python("-m", "app.serve", environment=environment) as service:
        assert service.stdout is not None
        address = service.stdout.readline().split()[3]
        script = "set -euo pipefail\n" + read_tour().replace("http://127.0.0.1:8000", address)
        done = subprocess.run(
            ["bash", "-x", "-c", script], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        service.terminate()
        service.wait(timeout=60)
    return done
