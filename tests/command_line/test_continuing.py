"""A run that was stopped, killed or spent its budget goes on with the next one, and nothing is paid for twice."""

from sqlalchemy import select, text

from app.store.models import Job
from app.store.session import Sessions
from tests.command_line.conftest import CommandLine, interrupt
from tests.support.endpoint import Endpoint
from tests.support.orders import counts_of
from tests.support.waiting import wait_until

OUTPUT = "output_plain.PlainItems_v1"


async def _find_job(sessions: Sessions) -> Job:
    async with sessions() as session:
        return (await session.execute(select(Job))).scalar_one()


def _has_recorded(sessions: Sessions, items: int) -> object:
    async def look() -> bool:
        async with sessions() as session:
            return bool((await session.execute(text("SELECT count(*) FROM item_state"))).scalar_one() >= items)

    return look


async def test_ctrl_c_keeps_what_was_paid_for_and_the_next_run_continues(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions
) -> None:
    await endpoint.set_mode(answers=10)
    arguments = ("--query_inputs_path", command_line.write_items(60), "--num_threads", "4")
    async with command_line.start(*arguments) as process:
        await wait_until(_has_recorded(sessions, 5), "the first outcomes")  # type: ignore[arg-type]  # a coroutine function
        _, err = await interrupt(process, sessions, endpoint)
    assert process.returncode == 1
    assert b"Stopping: calls under way are waited for" in err
    job = await _find_job(sessions)
    done = (await counts_of(sessions, job.id))["items.done"]
    assert (job.state, job.reason) == ("paused", "user")
    assert done == (await endpoint.stats())["accepted"] < 60
    assert len(command_line.read("valid_output.json", OUTPUT)) == done

    ended = await command_line.run(*arguments, "--num_threads", "8")
    assert ended.status == 0, ended.err
    assert "continuing the job of an earlier run" in ended.err
    assert (await _find_job(sessions)).limits == {"concurrency": 8}
    assert len(command_line.read("valid_output.json", OUTPUT)) == 60
    assert set((await endpoint.keys()).values()) == {1}


async def test_a_killed_run_is_continued_at_once_and_pays_again_only_for_calls_under_way(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions
) -> None:
    await endpoint.set_mode(answers=20)
    arguments = ("--query_inputs_path", command_line.write_items(50), "--num_threads", "4")
    async with command_line.start(*arguments, SYPHUS_LEASE_S="3600") as process:  # no test waits for its end
        await wait_until(_has_recorded(sessions, 10), "the first outcomes")  # type: ignore[arg-type]  # a coroutine function
        process.kill()
        await process.communicate()
    await endpoint.set_mode(answers=-1)
    ended = await command_line.run(*arguments)
    assert ended.status == 0, ended.err
    counts = await counts_of(sessions, (await _find_job(sessions)).id)
    assert (counts["items.done"], counts["pairs"]) == (50, 100)
    assert (await endpoint.stats())["paid_twice"] <= 4 + 4


async def test_a_job_that_is_done_is_only_written_out_again(command_line: CommandLine, endpoint: Endpoint) -> None:
    arguments = ("--query_inputs_path", command_line.write_items(5))
    assert (await command_line.run(*arguments)).status == 0
    (command_line.folder / OUTPUT / "valid_output.json").unlink()
    assert (await command_line.run(*arguments)).status == 0
    assert len(command_line.read("valid_output.json", OUTPUT)) == 5
    assert (await endpoint.stats())["requests"] == 5


async def test_what_failed_is_asked_again_and_nothing_else(command_line: CommandLine, endpoint: Endpoint) -> None:
    await endpoint.set_mode(refusal=0.5)
    arguments = ("--query_inputs_path", command_line.write_items(12))
    ended = await command_line.run(*arguments)
    failed = command_line.read("meta.json", OUTPUT)["counts"]["items"]["failed"]
    assert 0 < failed < 12
    assert ended.status == 1
    assert f"The job is completed: {failed} items failed" in ended.err
    await endpoint.set_mode(refusal=0.0)
    assert (await command_line.run(*arguments)).status == 0
    assert (await endpoint.stats())["requests"] == 12 + failed


async def test_a_spent_budget_pauses_and_a_higher_one_continues(command_line: CommandLine, endpoint: Endpoint) -> None:
    await endpoint.set_mode(latency_ms=20)
    arguments = ("--query_inputs_path", command_line.write_items(20), "--num_threads", "2")
    ended = await command_line.run(*arguments, "--max_cost_usd", "0.006")
    meta = command_line.read("meta.json", OUTPUT)
    assert ended.status == 1
    assert "a higher --max_cost_usd continues" in ended.err
    assert meta["cost_usd"] <= 0.006
    assert 0 < meta["counts"]["items"]["done"] < 20
    ended = await command_line.run(*arguments, "--max_cost_usd", "5")
    assert ended.status == 0, ended.err
    assert set((await endpoint.keys()).values()) == {1}
