"""The runs that count: one effect, whoever tries and however often, and none of it in the worker's own process."""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest
from sqlalchemy import text

from app.resources import Resources
from app.settings import Settings
from app.store.session import Sessions
from app.store.statistics import (
    Scope,
    claim_count,
    finish_count,
    keep_count,
    list_due_counts,
    order_count,
    read_run,
    read_statistic,
    return_count,
)
from tests.statistics.jobs import WORKER, add_counted_job, count_due
from tests.support.endpoint import running_endpoint
from tests.support.orders import add_dataset, finish, order, settings_for, working
from tests.support.processes import PROJECT
from tests.support.waiting import wait_until
from workers.counting import PROGRAM, work_count


async def order_job(sessions: Sessions) -> tuple[int, Scope]:
    """A due run, and the job it is for."""
    _, job_id = await add_counted_job(sessions)
    async with sessions.begin() as session:
        run_id, _ = await order_count(session, Scope("job", job_id))
    return run_id, Scope("job", job_id)


def list_programs() -> list[psutil.Process]:
    """The counting programs that run below this process."""
    return [child for child in psutil.Process().children() if PROGRAM in " ".join(child.cmdline())]


async def test_many_workers_at_once_count_once(resources: Resources, sessions: Sessions) -> None:
    run_id, scope = await order_job(sessions)
    await asyncio.gather(*(work_count(resources, run_id, f"worker-{n}") for n in range(4)))
    async with sessions() as session:
        run = (await session.execute(text("SELECT fence, wanted, served, attempts FROM statistic_run"))).first()
        assert run is not None
        assert tuple(run) == (1, 1, 1, 0)
        assert await read_statistic(session, scope, "figures") is not None


async def test_a_worker_that_lost_its_lease_can_write_nothing(sessions: Sessions) -> None:
    run_id, _ = await order_job(sessions)
    async with sessions.begin() as session:
        old = await claim_count(session, run_id, "old", 60)
        assert old is not None
        assert await claim_count(session, run_id, "new", 60) is None
        await session.execute(text("UPDATE statistic_run SET lease_until = clock_timestamp() - interval '1 s'"))
    async with sessions.begin() as session:
        assert await list_due_counts(session, 0.0) == [(run_id, 1)]
        new = await claim_count(session, run_id, "new", 60)
        assert new is not None
        assert not await keep_count(session, old, 60)
        assert not await finish_count(session, old)
        assert not await return_count(session, old, None, is_forgiven=True)
        assert await finish_count(session, new)
        assert await list_due_counts(session, 0.0) == []


async def test_ordered_while_it_is_counted_it_is_counted_once_more(sessions: Sessions) -> None:
    run_id, scope = await order_job(sessions)
    async with sessions.begin() as session:
        lease = await claim_count(session, run_id, WORKER, 60)
        assert lease is not None
        await order_count(session, scope)
        await finish_count(session, lease)
        assert await list_due_counts(session, 0.0) == [(run_id, 1)]


async def test_a_worker_that_dies_three_times_ends_the_run_with_its_reason(sessions: Sessions) -> None:
    run_id, scope = await order_job(sessions)
    for _ in range(3):
        async with sessions.begin() as session:
            assert await claim_count(session, run_id, WORKER, 60) is not None
            await session.execute(text("UPDATE statistic_run SET lease_until = clock_timestamp() - interval '1 s'"))
    async with sessions.begin() as session:
        assert await claim_count(session, run_id, WORKER, 60) is None
        run = await read_run(session, scope)
    assert run is not None
    assert (run.is_due, run.reason) == (False, "worker_lost")


async def test_a_try_that_postgresql_failed_does_not_count_and_is_not_repeated_at_once(sessions: Sessions) -> None:
    run_id, _ = await order_job(sessions)
    async with sessions.begin() as session:
        lease = await claim_count(session, run_id, WORKER, 60)
        assert lease is not None
        assert await return_count(session, lease, "TimeoutError", is_forgiven=True)
        row = (await session.execute(text("SELECT attempts, due_at > clock_timestamp() FROM statistic_run"))).one()
        assert tuple(row) == (0, True)
        assert await list_due_counts(session, 0.0) == []


async def test_a_program_that_is_killed_is_started_again_later(resources: Resources, sessions: Sessions) -> None:
    run_id, scope = await order_job(sessions)
    work = asyncio.ensure_future(work_count(resources, run_id, WORKER))
    await wait_until(lambda: bool(list_programs()), "the start of the program")
    list_programs()[0].send_signal(signal.SIGKILL)
    await work
    async with sessions.begin() as session:
        run = await read_run(session, scope)
        assert run is not None
        assert (run.is_due, run.reason) == (
            True,
            f"CountFailedError: the program ended with status -{signal.SIGKILL:d}",
        )
        await session.execute(text("UPDATE statistic_run SET due_at = clock_timestamp()"))
    await count_due(resources)
    async with sessions() as session:
        run = await read_run(session, scope)
        assert run is not None
        assert (run.is_due, run.reason) == (False, None)
        assert await read_statistic(session, scope, "figures") is not None


async def test_a_worker_that_is_stopped_ends_its_program_and_gives_the_run_back_uncounted(
    resources: Resources, sessions: Sessions
) -> None:
    run_id, _ = await order_job(sessions)
    work = asyncio.ensure_future(work_count(resources, run_id, WORKER))
    await wait_until(lambda: bool(list_programs()), "the start of the program")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list_programs() == []
    async with sessions.begin() as session:
        row = (await session.execute(text("SELECT attempts, owner FROM statistic_run"))).one()
        assert tuple(row) == (0, None)
        assert await list_due_counts(session, 0.0) == [(run_id, 1)]


def test_the_program_ends_when_its_worker_is_gone(database_url: str, clean_database: None) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-m", PROGRAM], cwd=PROJECT, stdin=reading) as program:
        os.close(reading)
        order = f'{{"database_url": "{database_url}", "sample": 0, "log_level": "ERROR", "run_id": 1, "fence": 1,'
        order += '"scope": {"kind": "all", "id": 0}, "owner": "nobody", "wanted": 1, "attempts": 1}\n'
        os.write(writing, order.encode())
        os.close(writing)
        assert program.wait(timeout=60) in {0, 3}  # it had nothing to do, or noticed in time


async def test_a_job_that_ends_is_counted_by_itself_without_a_bell(
    sessions: Sessions, database_url: str, settings: Settings
) -> None:
    async with running_endpoint(pairs=3) as endpoint:
        mute = settings_for(database_url, "redis://127.0.0.1:1", endpoint.url, settings.home)
        job_id = await order(sessions, mute, await add_dataset(sessions, 4))
        async with working(mute):
            await finish(sessions, job_id)
            async with sessions.begin() as session:
                await session.execute(text("UPDATE statistic_run SET due_at = clock_timestamp()"))

            async def is_counted() -> bool:
                async with sessions() as session:
                    return await read_statistic(session, Scope("job", job_id), "figures") is not None

            await wait_until(is_counted, "the job's figures", timeout_s=60)
    async with sessions() as session:
        found = await read_statistic(session, Scope("job", job_id), "figures")
        assert found is not None
        assert found[0]["stored"] == {"en": 12}


@pytest.mark.parametrize("module", ["app.main", "workers.main", "app.services.counting"])
def test_no_parser_is_loaded_by_the_service_or_a_worker(module: str) -> None:
    script = f"import sys, {module}; print([name for name in sys.modules if name.startswith(('spacy', 'thinc'))])"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
