"""Group commit: one transaction for all that waits, each entry with a result of its own."""

import asyncio

import pytest

from workers.batching import GroupCommit


async def test_what_arrives_during_a_commit_goes_into_the_next_one() -> None:
    batches: list[list[int]] = []
    gate, begun = asyncio.Event(), asyncio.Event()

    async def commit(entries: list[int]) -> list[int]:
        batches.append(entries)
        begun.set()
        await gate.wait()
        return [entry * 2 for entry in entries]

    group: GroupCommit[int, int] = GroupCommit(commit, most=10)
    running = asyncio.create_task(group.run())
    first = asyncio.create_task(group.put(1))
    await begun.wait()
    others = [asyncio.create_task(group.put(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]
    assert batches == [[1], [2, 3]]
    running.cancel()


async def test_a_commit_that_fails_fails_its_entries_and_no_later_ones() -> None:
    async def commit(entries: list[int]) -> list[int]:
        if 1 in entries:
            raise ConnectionError("away")
        return entries

    group: GroupCommit[int, int] = GroupCommit(commit, most=10)
    running = asyncio.create_task(group.run())
    with pytest.raises(ConnectionError):
        await group.put(1)
    assert await group.put(2) == 2
    running.cancel()
