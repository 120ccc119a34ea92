"""`python main.py cold-start`: the whole way in a terminal, without the web."""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.store.session import Sessions
from tests.command_line.conftest import CommandLine, Ended, interrupt
from tests.support.endpoint import Endpoint
from tests.support.waiting import wait_until


@pytest.fixture
def records(command_line: CommandLine, shared_data: Callable[[str], Path]) -> str:
    """Forty real records of Spot the Difference."""
    found = json.loads(shared_data("spot_the_diff/train.json").read_bytes())[:40]
    (command_line.folder / "train.json").write_text(json.dumps(found))
    return "train.json"


async def start(command_line: CommandLine, records: str, *more: str) -> Ended:
    return await command_line.run(
        *("cold-start", "start", "yard", "--name", "change.SpotTheDifference"),
        *("--query_inputs_path", records, "--seed", "7", *more),
    )


async def show(command_line: CommandLine, *more: str) -> list[dict[str, object]]:
    ended = await command_line.run("cold-start", "show", "yard", "--json", *more)
    assert ended.status == 0, ended.err
    found: list[dict[str, object]] = json.loads(ended.out)
    return found


async def test_two_rounds_lead_to_a_frozen_prompt_that_a_run_then_uses(
    command_line: CommandLine, records: str, endpoint: Endpoint
) -> None:
    started = await start(command_line, records, "--items", "40", "--held_out", "10")
    assert started.status == 0, started.err
    assert started.err.splitlines()[-1] == "yard: 40 items in 4 clusters, 10 held out."
    assert started.out.startswith("cs_")

    first = await command_line.run("cold-start", "round", "yard", "--num_threads", "4")
    assert first.status == 0, first.err
    assert "40/40 items" in first.err
    assert "[ ] 0 of at least 4 examples are accepted." in first.out

    too_early = await command_line.run("cold-start", "freeze", "yard")
    assert too_early.status == 1
    assert "There are not two rounds to compare" in too_early.err

    found = await show(command_line)
    best = {each["cluster"]: str(each["id"]) for each in found if not each["held_out"]}
    accepted = await command_line.run("cold-start", "accept", *best.values(), "--note", "one a cluster")
    assert accepted.status == 0, accepted.err
    other = next(str(each["id"]) for each in found if not each["held_out"] and each["id"] not in best.values())
    pairs = [{"instruction": "What has changed?", "response": "The blue truck has left the yard."}]
    (command_line.folder / "edit.json").write_text(json.dumps(pairs))
    assert (await command_line.run("cold-start", "edit", other, "--file", "edit.json")).status == 0

    (command_line.folder / "better.txt").write_text("Write two question-answer pairs about what has changed. Be exact.")
    assert (await command_line.run("cold-start", "change", "yard", "--system_message_file", "better.txt")).status == 0
    second = await command_line.run("cold-start", "round", "yard", "--with_examples")
    assert second.status == 0, second.err
    assert "[ ]" not in second.out, second.out
    told = {line[:14].strip(): line[14:].split() for line in second.out.splitlines()[:20]}
    assert told["round"] == ["1", "2"]
    assert told["examples shown"] == ["0", "5"]
    assert told["improvement"] == ["-", "0.000"]

    frozen = await command_line.run("cold-start", "freeze", "yard", "--out", "prompt.json")
    assert frozen.status == 0, frozen.err
    assert frozen.out.startswith("prm_")
    assert "yard version 1, 5 examples." in frozen.err
    calls = (await endpoint.stats())["accepted"]
    assert calls == 40 + len(await show(command_line))

    used = await command_line.run(
        *("--name", "change.SpotTheDifference", "--query_inputs_path", records, "--slice_end", "3"),
        *("--prompt_path", "prompt.json", "--output_folder", "out"),
    )
    assert used.status == 0, used.err
    assert len(command_line.read("valid_output.json", "out")) == 3


async def test_a_person_reviews_candidates_one_by_one(command_line: CommandLine, records: str) -> None:
    await start(command_line, records, "--items", "8", "--held_out", "2")
    await command_line.run("cold-start", "round", "yard")
    editor = command_line.folder / "editor.py"
    editor.write_text(
        "import json, sys\n"
        "pairs = [{'instruction': 'What has changed?', 'response': 'The van is gone from the yard.'}]\n"
        "open(sys.argv[1], 'w').write(json.dumps(pairs))\n"
    )
    answers = "a well done\nr it guesses\nperhaps\ne\ns\nq\n"
    async with command_line.start(
        "cold-start", "review", "yard", EDITOR=f"{sys.executable} {editor}", VISUAL=""
    ) as process:
        out, err = await process.communicate(answers.encode())
    assert process.returncode == 0, err.decode()
    assert "scores: overall" in out.decode()
    found = await show(command_line)
    statuses = sorted(str(each["status"]) for each in found if not each["held_out"])
    assert statuses == ["accepted", "edited", "open", "open", "open", "rejected"]
    notes = {each["status"]: each["note"] for each in found if each["note"]}
    assert notes == {"accepted": "well done", "rejected": "it guesses"}


async def test_a_round_that_was_stopped_goes_on_with_the_same_command_and_pays_for_nothing_twice(
    command_line: CommandLine, records: str, endpoint: Endpoint, sessions: Sessions
) -> None:
    await start(command_line, records, "--items", "12", "--held_out", "3")
    await endpoint.set_mode(answers=1)

    async def has_begun() -> bool:
        return bool((await endpoint.stats())["accepted"])

    async with command_line.start("cold-start", "round", "yard", "--num_threads", "2") as process:
        await wait_until(has_begun, "the first call")
        _, err = await interrupt(process, sessions, endpoint)
    assert process.returncode == 1, err.decode()
    assert 0 < (await endpoint.stats())["accepted"] < 12
    assert "`round yard` goes on with it" in err.decode()
    refused = await command_line.run("cold-start", "delete", "yard")
    assert (refused.status, "Round 1 is not done" in refused.err) == (2, True)
    ended = await command_line.run("cold-start", "round", "yard")
    assert ended.status == 0, ended.err
    assert "Going on with round 1" in ended.err
    assert "12/12 items" in ended.err
    assert (await endpoint.stats())["accepted"] == 12
    assert {each["round"] for each in await show(command_line)} == {1}


async def test_they_are_listed_renamed_and_deleted(command_line: CommandLine, records: str) -> None:
    started = await start(command_line, records, "--items", "2", "--held_out", "1")
    early = await command_line.run("cold-start", "show", "yard")
    assert (early.status, early.line) == (2, "main.py: yard has no round yet; `round yard` runs one.")
    assert (await command_line.run("cold-start", "change", "yard", "--title", "court")).status == 0
    listed = await command_line.run("cold-start", "list")
    assert listed.out.split()[:2] + listed.out.split()[-1:] == [started.out.strip(), "open", "court"]
    gone = await command_line.run("cold-start", "delete", "court")
    assert (gone.status, gone.out.startswith(f"court ({started.out.strip()}): deleted")) == (0, True)
    assert (await command_line.run("cold-start", "list")).out == "No cold start yet.\n"


async def test_a_decision_is_taken_back(command_line: CommandLine, records: str) -> None:
    await start(command_line, records, "--items", "2", "--held_out", "1")
    await command_line.run("cold-start", "round", "yard")
    name = next(str(each["id"]) for each in await show(command_line) if not each["held_out"])
    await command_line.run("cold-start", "accept", name)
    assert (await command_line.run("cold-start", "reopen", name)).out == f"{name}: open\n"
    (reopened,) = [each for each in await show(command_line) if each["id"] == name]
    assert (reopened["status"], reopened["decided_by"]) == ("open", None)


async def test_what_makes_no_sense_is_told_in_a_line(command_line: CommandLine, records: str) -> None:
    await start(command_line, records, "--items", "2", "--held_out", "1")
    await command_line.run("cold-start", "round", "yard")
    (command_line.folder / "torn.json").write_text("{torn")
    for arguments, said in (
        (("edit", "cand_0000000000001", "--file", "torn.json"), "'torn.json' is no JSON"),
        (("edit", "cand_0000000000001", "--file", "nowhere.json"), "'nowhere.json' cannot be read"),
        (("show", "yard", "--round", "9"), "There is no round 9; the newest is 1"),
        (("change", "yard"), "Nothing is to change"),
    ):
        ended = await command_line.run("cold-start", *arguments)
        assert (ended.status, said in ended.line) == (2, True), ended.err


async def test_ctrl_c_ends_a_review_and_keeps_what_was_decided(command_line: CommandLine, records: str) -> None:
    await start(command_line, records, "--items", "6", "--held_out", "2")
    await command_line.run("cold-start", "round", "yard")
    async with command_line.start("cold-start", "review", "yard") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a\n")
        await process.stdin.drain()
        told = b""
        while told.count(b"a note may follow > ") < 2:
            more = await process.stdout.read(1000)
            assert more, f"the review ended before its second question: {told.decode()}"
            told += more
        process.send_signal(signal.SIGINT)
        out = await process.stdout.read()
        assert await process.wait() == 0
    assert b"1 of at least 4 examples" in out
    assert [each["status"] for each in await show(command_line)].count("accepted") == 1


async def test_a_round_that_was_stopped_can_be_cancelled_for_another(
    command_line: CommandLine, records: str, endpoint: Endpoint, sessions: Sessions
) -> None:
    await start(command_line, records, "--items", "6", "--held_out", "2")
    await endpoint.set_mode(answers=1)

    async def has_begun() -> bool:
        return bool((await endpoint.stats())["accepted"])

    async with command_line.start("cold-start", "round", "yard", "--num_threads", "1") as process:
        await wait_until(has_begun, "the first call")
        await interrupt(process, sessions, endpoint)
    cancelled = await command_line.run("cold-start", "cancel", "yard")
    assert (cancelled.status, cancelled.out) == (0, "Round 1 is cancelled.\n"), cancelled.err
    ended = await command_line.run("cold-start", "round", "yard")
    assert (ended.status, "6/6 items" in ended.err) == (0, True)
    assert {each["round"] for each in await show(command_line)} == {2}


async def test_an_automatic_one_runs_by_itself(command_line: CommandLine, records: str) -> None:
    await start(command_line, records, "--items", "12", "--held_out", "3", "--automatic")
    ended = await command_line.run("cold-start", "round", "yard")
    assert ended.status == 0, ended.err
    assert "Frozen as prm_" in ended.out


FROGS = """
from abstract_dataset import AbstractDataset

class Frogs(AbstractDataset):
    def _load_query_inputs(self, path):
        return [{"id": f"frog {n}", "sentences": f"it croaks {n} times and sits by a pond"} for n in range(6)]
"""


async def test_a_class_without_a_prompt_begins_with_a_message_of_yours(command_line: CommandLine) -> None:
    own = command_line.folder / "mine"
    own.mkdir()
    (own / "frogs.py").write_text(FROGS)
    (command_line.folder / "frogs.txt").write_text("in a pond")
    (command_line.folder / "message.txt").write_text("Ask one question about the frog, and answer it.")
    folder = ("--dataset_folder", str(own))
    arguments = ("--name", "frogs.Frogs", "--query_inputs_path", "frogs.txt", *folder)
    refused = await command_line.run("cold-start", "start", "frogs", *arguments)
    assert refused.status == 2
    assert "say in a system message" in refused.err
    message = ("--system_message_file", "message.txt")
    started = await command_line.run("cold-start", "start", "frogs", *arguments, *message, "--position", "2")
    assert started.status == 2
    assert "2 to 200 items" in started.err
    started = await command_line.run(
        "cold-start", "start", "frogs", *arguments, *message, "--position", "2", "--position", "4"
    )
    assert started.status == 0, started.err
    ended = await command_line.run("cold-start", "round", "frogs", *folder)
    assert ended.status == 0, ended.err
    assert "2/2 items" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("round", "nobody"), "There is no cold start 'nobody'."),
        (("accept", "cand_0000000000001"), "There is no candidate"),
        (("dance", "yard"), "invalid choice"),
    ],
)
async def test_an_order_that_is_wrong_is_told_with_status_2(
    command_line: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    ended = await command_line.run("cold-start", *arguments)
    assert ended.status == 2
    assert said in ended.err
