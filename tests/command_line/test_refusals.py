"""What cannot be run is told in one line, with the exit status of a wrong order, before anything is paid for."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest
from sqlalchemy import func, select

from app.errors import AppError
from app.store.models import Dataset
from app.store.session import Sessions
from tests.command_line.conftest import LEGACY, CommandLine
from tests.support.endpoint import Endpoint
from tests.support.processes import PROJECT
from workers.command_line.arguments import parse_arguments
from workers.command_line.sources import StartError, choose


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--name", "chnge.SpotTheDiference"), "Did you mean change.SpotTheDifference"),
        (("--name", "change.SpotTheDifference"), "give --query_inputs_path"),
        (("--query_inputs_path", "nowhere.json"), "There is no file 'nowhere.json' (--query_inputs_path)"),
        (("--query_inputs_path", "."), "is a folder"),
        (("--query_inputs_path", __file__, "--prompt_path", "none.json"), "'none.json' (--prompt_path)"),
        (("--query_inputs_path", __file__, "--prompt_path", __file__), "The prompt cannot be used"),
        (("--query_inputs_path", __file__, "--dataset_folder", "none"), "(--dataset_folder)"),
    ],
)
def test_what_is_missing_is_named_before_anything_starts(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(StartError) as refused:
        choose(parse_arguments(arguments))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--slice_start", "9"), "the dataset has 3 items"),
        (("--slice_start", "2", "--slice_end", "1"), "end must be greater than start"),
        (("--languages", "xx"), "xx"),
        (("--model", "mine", "--max_cost_usd", "1"), "set SYPHUS_PRICES"),
    ],
)
async def test_an_order_the_service_refuses_leaves_no_job(
    command_line: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(AppError) as refused:
        await command_line.place("--query_inputs_path", command_line.write_items(3), *arguments)
    assert sentence in refused.value.errors[0].message


async def test_a_python_without_the_packages_is_told_where_they_are() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", str(PROJECT / "main.py"), "--help"), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"main.py: this Python (")
    assert b".venv/bin/python main.py" in err
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("argument", ["--num_threads=0", "--slice_start=-1", "--max_cost_usd=free", "--thread=4"])
def test_arguments_that_make_no_sense_end_with_status_2(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([argument])
    assert ended.value.code == 2
    assert "main.py: error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("this is no JSON", "The file cannot be read"), ('[{"id": "a"}]', "None of the 1 records is good. Line 1: ")],
)
async def test_a_file_that_holds_nothing_of_use_is_refused_in_one_line(
    command_line: CommandLine, endpoint: Endpoint, content: str, sentence: str
) -> None:
    (command_line.folder / "items.json").write_text(content)
    ended = await command_line.run("--query_inputs_path", "items.json")
    assert ended.status == 2, ended.err
    assert ended.line.startswith(f"main.py: {sentence}")
    assert ended.line.count("The file is no JSON") < 2, ended.line
    assert (await endpoint.stats())["requests"] == 0


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"OPENAI_API_TYPE": "azure", "OPENAI_API_BASE": ""}, "OPENAI_API_TYPE=azure needs OPENAI_API_BASE too."),
        ({"OPENAI_API_TYPE": "other"}, "OPENAI_API_TYPE is 'other'"),
        ({"OPENAI_API_BASE": "https://api.openai.com/v1", "OPENAI_API_KEY": ""}, "OPENAI_API_KEY is not set"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:9/none"}, "The database, or a file, cannot be used"),
        ({"SYPHUS_LEASE_S": "soon"}, "The setting lease_s does not hold"),
    ],
)
async def test_settings_that_cannot_work_are_named(
    command_line: CommandLine, environment: dict[str, str], sentence: str
) -> None:
    ended = await command_line.run("--query_inputs_path", command_line.write_items(3), **environment)
    assert ended.status == 2, ended.err
    assert sentence in ended.line


async def test_a_class_that_fails_is_named_with_its_error(command_line: CommandLine, sessions: Sessions) -> None:
    wrong = command_line.folder / "wrong.json"
    wrong.write_text('[{"no_bird": 1}]')
    arguments = ("--name", "birds.BirdSounds", "--dataset_folder", str(LEGACY), "--query_inputs_path", str(wrong))
    with pytest.raises(AppError, match=r"birds\.BirdSounds .*KeyError: 'bird'"):
        await command_line.place(*arguments)
    async with sessions() as session:
        assert (await session.execute(select(func.count()).select_from(Dataset))).scalar_one() == 0


async def test_a_key_the_endpoint_refuses_pauses_the_job_and_says_why(
    command_line: CommandLine, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(api_key="another")
    ended = await command_line.run("--query_inputs_path", command_line.write_items(2))
    assert ended.status == 1, ended.err
    assert "refuses to answer" in ended.err
    assert "unauthorized: HTTP 401" in ended.err


async def test_the_help_names_every_option_and_what_the_exit_status_means(command_line: CommandLine) -> None:
    ended = await command_line.run("--help")
    assert ended.status == 0
    for option in (
        "name",
        "num_threads",
        "slice_start",
        "slice_end",
        "random_sample",
        "dataset_version",
        "prompt_path",
    ):
        assert f"--{option}" in ended.out
    assert "--query_inputs_path" in ended.out
    assert "exit status: 0" in ended.out
