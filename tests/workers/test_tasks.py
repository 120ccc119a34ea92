"""The tasks of a worker: one that everything depends on does not die unnoticed."""

import asyncio
from contextlib import suppress

from app.cancelling import end_tasks
from workers.tasks import Tasks


async def test_a_vital_loop_that_breaks_is_noticed() -> None:
    async def break_down() -> None:
        raise ZeroDivisionError

    tasks = Tasks()
    tasks.keep(break_down())
    await asyncio.wait_for(tasks.failed.wait(), 5)
    await tasks.cancel()


async def test_a_vital_loop_that_is_cancelled_has_not_failed() -> None:
    tasks = Tasks()
    tasks.keep(asyncio.Event().wait())  # type: ignore[arg-type]  # any coroutine that waits
    await tasks.cancel()
    assert not tasks.failed.is_set()


async def test_a_loop_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed = 0

    async def go_on() -> None:
        nonlocal swallowed
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(go_on())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert (task.cancelled(), swallowed) == (True, 1)


async def test_what_a_task_raised_does_not_reach_whoever_ends_it() -> None:
    async def break_down() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(break_down())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert isinstance(task.exception(), ZeroDivisionError)
