"""The tasks of a worker: one that everything depends on does not die unnoticed."""

import asyncio

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
