"""Gates: a unit that may have ended its worker is asked the more carefully the oftener that happened."""

import asyncio

from workers.gates import ALONE_FROM as ALONE
from workers.gates import POISON_LOSSES, Floor, Suspects


async def enter(floor: Floor, losses: int = 0) -> asyncio.Task[bool]:
    """Someone who comes in, or waits for it."""
    coming = asyncio.create_task(floor.admit(losses, asyncio.Event()))
    await settle()
    return coming


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_calls_are_under_way_beside_each_other() -> None:
    floor = Floor()
    for losses in (0, 1, 2, 0):
        assert (await enter(floor, losses)).done()


async def test_after_three_losses_a_call_waits_for_the_others_and_is_then_alone() -> None:
    floor = Floor()
    await enter(floor)
    alone, other = await enter(floor, ALONE), await enter(floor)
    assert not alone.done()
    floor.leave(0)
    await settle()
    assert alone.done()
    assert not other.done()
    floor.leave(ALONE)
    await settle()
    assert other.done()


async def test_two_that_must_be_alone_come_one_after_the_other() -> None:
    floor = Floor()
    first, second = await enter(floor, ALONE), await enter(floor, ALONE)
    assert first.done()
    assert not second.done()
    floor.leave(ALONE)
    await settle()
    assert second.done()


async def test_whoever_stops_waiting_to_be_alone_lets_the_others_in() -> None:
    floor, stopping = Floor(), asyncio.Event()
    await enter(floor)
    alone = asyncio.create_task(floor.admit(ALONE, stopping))
    await settle()
    other = await enter(floor)
    stopping.set()
    await settle()
    assert (alone.result(), other.result()) == (False, True)


def test_suspects_share_few_places_and_then_one() -> None:
    suspects = Suspects()
    assert suspects.gate_of(0) is None
    few, one = suspects.gate_of(1), suspects.gate_of(2)
    assert few is not one
    assert all(suspects.gate_of(losses) is one for losses in range(2, POISON_LOSSES))
