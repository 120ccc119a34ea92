"""Which dataset, prompt and job the arguments mean: rows of the service, found again when they are meant again."""

import gzip
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.services.jobs import act_on_job
from app.store.models import Dataset, Job, Prompt
from app.store.session import Sessions
from tests.command_line.conftest import CommandLine
from tests.support.orders import state_of


async def _count(sessions: Sessions, table: type[Dataset] | type[Job] | type[Prompt]) -> int:
    async with sessions() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def test_the_same_order_is_the_same_job_however_fast_and_for_how_much(
    command_line: CommandLine, sessions: Sessions
) -> None:
    path = command_line.write_items(4)
    first = await command_line.place("--query_inputs_path", path, "--slice_start", "1")
    again = await command_line.place(
        *("--query_inputs_path", path, "--slice_start", "1", "--max_cost_usd", "2.5"), calls_in_flight=9
    )
    assert (first.is_new, again.is_new, again.job_id) == (True, False, first.job_id)
    job = await state_of(sessions, first.job_id)
    assert (job.limits, job.budget_micros) == ({"concurrency": 9, "max_cost_usd": 2.5}, 2_500_000)
    assert await _count(sessions, Prompt) == 1


@pytest.mark.parametrize(
    "changed",
    [
        ("--dataset_version", "v2"),
        ("--slice_end", "1"),
        ("--random_sample", "2"),
        ("--languages", "zh"),
        ("--model", "another"),
    ],
)
async def test_another_version_slice_language_or_model_is_another_job(
    command_line: CommandLine, changed: tuple[str, str]
) -> None:
    path = command_line.write_items(4)
    first = await command_line.place("--query_inputs_path", path)
    other = await command_line.place("--query_inputs_path", path, *changed)
    assert other.is_new
    assert other.job_id != first.job_id


async def test_the_same_annotations_are_one_dataset_packed_or_not(
    command_line: CommandLine, sessions: Sessions
) -> None:
    path = command_line.write_items(4)
    packed = Path(f"{path}.gz")
    packed.write_bytes(gzip.compress(Path(path).read_bytes()))
    await command_line.place("--query_inputs_path", path)
    again = await command_line.place("--query_inputs_path", str(packed))
    assert not again.is_new
    await command_line.place("--query_inputs_path", command_line.write_items(5, "other.jsonl"))
    assert (await _count(sessions, Dataset), await _count(sessions, Job)) == (2, 2)


async def test_a_changed_prompt_is_a_new_version_and_a_new_job(command_line: CommandLine, sessions: Sessions) -> None:
    path, prompt = command_line.write_items(4), command_line.folder / "prompt.json"
    versions = []
    for message in ("Ask about the car.", "Ask about the tree.", "Ask about the car."):
        prompt.write_text(f'{{"system_message": "{message}", "in_context": []}}')
        order = await command_line.place("--query_inputs_path", path, "--prompt_path", str(prompt))
        versions.append((order.prompt.version, order.is_new))
    assert versions == [(1, True), (2, True), (1, False)]


async def test_a_class_that_was_changed_reads_its_file_again(command_line: CommandLine, sessions: Sessions) -> None:
    folder = command_line.folder / "own"
    folder.mkdir()
    (folder / "lines.py").write_text(
        "from pathlib import Path\n"
        "from abstract_dataset import AbstractDataset\n"
        "class Lines(AbstractDataset):\n"
        "    def _load_query_inputs(self, path):\n"
        "        return [{'id': n, 'sentences': line} for n, line in enumerate(Path(path).read_text().split())]\n"
    )
    (command_line.folder / "words.txt").write_text("bird tree car")
    prompt = command_line.folder / "prompt.json"
    prompt.write_text('{"system_message": "Ask.", "in_context": []}')
    arguments = (
        *("--name", "Lines.lines", "--dataset_folder", str(folder), "--prompt_path", str(prompt)),
        *("--query_inputs_path", str(command_line.folder / "words.txt")),
    )
    assert [(await command_line.place(*arguments)).is_new for _ in range(2)] == [True, False]
    with (folder / "lines.py").open("a") as file:
        file.write("# another way to read\n")
    order = await command_line.place(*arguments)
    assert (order.is_new, order.dataset.items) == (True, 3)
    assert await _count(sessions, Dataset) == 2


async def test_a_paused_job_is_resumed_and_a_cancelled_one_left_alone(
    command_line: CommandLine, sessions: Sessions
) -> None:
    path = command_line.write_items(4)
    job_id = (await command_line.place("--query_inputs_path", path)).job_id
    for action, state in (("pause", "queued"), ("cancel", "cancelling")):
        async with sessions.begin() as session:
            await act_on_job(session, job_id, action)  # type: ignore[arg-type]  # both are actions
        order = await command_line.place("--query_inputs_path", path)
        assert (order.job_id == job_id) == (action == "pause")
        assert (await state_of(sessions, job_id)).state == state
