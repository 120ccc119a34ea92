"""A whole run: what goes in by the arguments of the original comes out in the output folder."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from app.pipeline.sharding import choose_positions
from app.store.models import Job, Prompt
from app.store.session import Sessions
from tests.command_line.conftest import LEGACY, CommandLine
from tests.support.endpoint import Endpoint

FIXTURES = Path(__file__).parents[1] / "datasets" / "fixtures"


async def test_a_dataset_file_of_the_original_runs_unmodified(command_line: CommandLine, sessions: Sessions) -> None:
    ended = await command_line.run(
        *("--name", "BirdSounds.birds", "--dataset_folder", str(LEGACY), "--num_threads", "4"),
        *("--query_inputs_path", str(FIXTURES / "birds.json"), "--dataset_version", "v7"),
    )
    assert ended.status == 0, ended.err
    folder = "output_birds.BirdSounds_v7"
    assert [(entry["id"], len(entry["pairs"])) for entry in command_line.read("valid_output.json", folder)] == [
        ("wren", 2),
        ("heron", 2),
    ]
    assert command_line.read("query_input.json", folder)[0] == {
        "id": "wren",
        "position": 0,
        "sentences": "small and brown\nsings loudly",
        "image_ids": [],
    }
    async with sessions() as session:
        prompt = (await session.execute(select(Prompt))).scalar_one()
        job = (await session.execute(select(Job))).scalar_one()
    assert prompt.system_message == "You talk about birds. Write one question and its answer."
    assert job.limits == {"concurrency": 4}
    assert set(command_line.read("BS_instructions.json", folder)["data"]) == {f"BS_INS_{n:05d}" for n in range(1, 5)}


async def test_other_spellings_of_the_constructor_get_the_given_paths(command_line: CommandLine) -> None:
    ended = await command_line.run(
        *("--name", "birds.BirdPictures", "--dataset_folder", str(LEGACY)),
        *("--query_inputs_path", str(FIXTURES / "birds.json")),
        *("--prompt_path", str(LEGACY / "prompts" / "bird_pictures.json")),
    )
    assert ended.status == 0, ended.err
    entries = command_line.read("valid_output.json", "output_birds.BirdPictures_v1")
    assert [entry["image_ids"] for entry in entries] == [["bird_7"], ["bird_8"]]


async def test_the_output_folder_tells_everything_about_the_run(command_line: CommandLine, endpoint: Endpoint) -> None:
    lines = [json.dumps({"id": f"i{n}", "sentences": f"car {n}"}) for n in range(6)]
    (command_line.folder / "items.jsonl").write_text("\n".join([*lines, '{"id": "bad"}']))
    await endpoint.set_mode(refusal=0.4, seed=3)
    ended = await command_line.run(
        "--query_inputs_path", "items.jsonl", "--languages", "zh,de", "--output_folder", "out"
    )
    meta = command_line.read("meta.json", "out")
    counts, bill = meta["counts"], await endpoint.stats()
    failed = counts["items"]["failed"]
    assert ended.status == int(failed > 0)
    assert sorted(path.name for path in (command_line.folder / "out").iterdir()) == sorted(
        [
            "valid_output.json",
            "invalid_output.json",
            "error_messages.json",
            "query_input.json",
            "meta.json",
            "manifest.json",
        ]
        + [f"PLAIN_{part}{end}.json" for part in ("instructions", "train") for end in ("", ".zh", ".de")]
    )
    valid = command_line.read("valid_output.json", "out")
    assert sum(len(entry["pairs"]) for entry in valid) == counts["pairs"] == 2 * (6 - failed)
    languages = Counter(code for entry in valid for pair in entry["pairs"] for code in pair["translations"])
    assert languages == counts["translations"]
    assert len(command_line.read("invalid_output.json", "out")) == counts["rejected"] + counts["translations_refused"]
    errors = command_line.read("error_messages.json", "out")
    assert (errors[0]["stage"], errors[0]["line"]) == ("read", 7)
    assert Counter(error["stage"] for error in errors)["generate"] == failed
    assert meta["tokens"]["completion"] == bill["completion_tokens"]
    assert meta["calls"] == bill["accepted"]
    assert meta["entries"]["query_input.json"] == 6
    assert meta["time"]["seconds"] > 0


async def test_a_slice_may_be_open_at_its_end_and_a_sample_goes_by_its_seed(command_line: CommandLine) -> None:
    path = command_line.write_items(12)
    arguments = ("--query_inputs_path", path, "--output_folder", "out")
    assert (await command_line.run(*arguments, "--slice_start", "9")).status == 0
    assert [entry["position"] for entry in command_line.read("query_input.json", "out")] == [9, 10, 11]
    sample = ("--slice_start", "2", "--random_sample", "3", "--seed", "7")
    assert (await command_line.run(*arguments, *sample)).status == 0
    drawn = choose_positions(12, {"start": 2, "sample": 3, "seed": 7})
    assert [entry["position"] for entry in command_line.read("query_input.json", "out")] == drawn


async def test_no_more_calls_are_in_flight_than_threads_asked_for_and_progress_is_told_in_lines(
    command_line: CommandLine, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=20)
    ended = await command_line.run("--query_inputs_path", command_line.write_items(30), "--num_threads", "3")
    assert ended.status == 0, ended.err
    assert (await endpoint.stats())["peak_in_flight"] == 3
    assert "\r" not in ended.err
    assert "30/30 items · 60 pairs" in ended.err.splitlines()[-1]
    assert ended.out.startswith("output_plain.PlainItems_v1: valid_output.json, ")


async def test_a_real_file_runs_by_its_kind(
    command_line: CommandLine, shared_data: Callable[[str], Path], endpoint: Endpoint
) -> None:
    path = shared_data("spot_the_diff/train.json")
    ended = await command_line.run(
        *("--name", "change.SpotTheDifference", "--query_inputs_path", str(path)),
        *("--random_sample", "20", "--slice_end", "9000"),
    )
    assert ended.status == 0, ended.err
    folder = "output_change.SpotTheDifference_v1"
    assert len(command_line.read("query_input.json", folder)) == (await endpoint.stats())["accepted"] == 20
    assert "SD_INS_00001" in command_line.read("SD_instructions.json", folder)["data"]
