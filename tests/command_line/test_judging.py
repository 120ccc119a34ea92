"""`python main.py judge`: the report of a judgement, without HTTP; what was interrupted goes on."""

from typing import Any

import orjson
import pytest_asyncio
from sqlalchemy import text as sql

from app.ids import encode_id
from app.store.session import Sessions
from tests.command_line.conftest import CommandLine, interrupt
from tests.support.endpoint import Endpoint
from tests.support.waiting import wait_until

ITEMS = 12


@pytest_asyncio.fixture
async def job(command_line: CommandLine, endpoint: Endpoint, sessions: Sessions) -> str:
    """A job of a run, with two pairs of each item."""
    ended = await command_line.run("--query_inputs_path", command_line.write_items(ITEMS), "--output_folder", "out")
    assert ended.status == 0, ended.err
    await endpoint.reset()
    async with sessions() as session:
        (job_id,) = (await session.execute(sql("SELECT id FROM job"))).scalars()
    return encode_id("job", job_id)


async def paid(endpoint: Endpoint) -> int:
    accepted: int = (await endpoint.stats())["accepted"]
    return accepted


async def test_the_command_judges_the_pairs_of_a_job(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions, job: str
) -> None:
    async with sessions() as session:
        pairs = (await session.execute(sql("SELECT id FROM pair WHERE language = 'en' ORDER BY id"))).scalars().all()
    scores = [{"id": encode_id("pair", pair_id), "score": 4} for pair_id in pairs]
    await endpoint.set_mode(says=orjson.dumps({"scores": scores}).decode())
    judged = await command_line.run("judge", job, "--items", "50")
    assert judged.status == 0, judged.err
    report = orjson.loads(judged.out)
    assert (report["items"], report["pairs"], report["unjudged"]) == (ITEMS, len(pairs), 0)
    assert report["agreement"]["observed"] == 1
    assert await paid(endpoint) == ITEMS


async def test_the_same_command_prints_what_is_judged_and_pays_for_changed_pairs_alone(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions, job: str
) -> None:
    first = await command_line.run("judge", job, "--items", "4", "--seed", "9")
    again = await command_line.run("judge", job, "--items", "4", "--seed", "9")
    assert (again.status, again.out, await paid(endpoint)) == (0, first.out, 4)
    other = await command_line.run("judge", job, "--items", "4", "--seed", "10")
    assert (other.status, await paid(endpoint)) == (0, 8)
    async with sessions.begin() as session:
        await session.execute(sql("UPDATE pair SET response = response || ' So it is.', revision = revision + 1"))
    changed = await command_line.run("judge", job, "--items", "4", "--seed", "9")
    assert (orjson.loads(changed.out)["changed_since"], await paid(endpoint)) == ([], 12)


async def test_a_judgement_that_was_stopped_goes_on_and_pays_for_nothing_twice(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions, job: str
) -> None:
    await endpoint.set_mode(answers=1)

    async def has_begun() -> bool:
        return await paid(endpoint) > 0

    async with command_line.start("judge", job, "--num_threads", "2") as process:
        await wait_until(has_begun, "the first call")
        out, err = await interrupt(process, sessions, endpoint)
    assert (process.returncode, out) == (1, b""), err.decode()
    assert "The same command continues." in err.decode()
    assert 0 < await paid(endpoint) < ITEMS
    ended = await command_line.run("judge", job)
    assert ended.status == 0, ended.err
    report: dict[str, Any] = orjson.loads(ended.out)
    assert (report["items"], report["unjudged"], report["usage"]["calls"]) == (ITEMS, 0, ITEMS)
    assert await paid(endpoint) == ITEMS
    async with sessions() as session:
        assert (await session.execute(sql("SELECT count(*) FROM job"))).scalar_one() == 2


async def test_a_job_that_is_not_there_is_refused_in_one_line(command_line: CommandLine) -> None:
    ended = await command_line.run("judge", encode_id("job", 7))
    assert ended.status == 2
    assert "job" in ended.line
