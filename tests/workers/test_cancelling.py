"""Ending tasks for good, and clean-up that a second cancellation must not cut short."""

import asyncio

import pytest

from app.cancelling import end_tasks, see_through


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert (task.cancelled(), swallowed) == (True, 2)


async def test_clean_up_goes_on_however_often_it_is_cancelled() -> None:
    goes_on, closed = asyncio.Event(), []

    async def clean_up() -> None:
        await goes_on.wait()
        closed.append("pool")

    task = asyncio.create_task(see_through(clean_up()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["pool"]


async def test_what_clean_up_raises_is_raised() -> None:
    async def fail() -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await see_through(fail())
