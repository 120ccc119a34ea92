"""The fixtures themselves: a clean migrated database for every test, and closed doors to the network."""

import socket

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app.store.session import Sessions


@pytest.mark.parametrize("attempt", [1, 2])
async def test_every_test_finds_empty_tables_and_numbers_that_start_at_one(sessions: Sessions, attempt: int) -> None:
    async with sessions.begin() as session:
        await session.execute(
            text("INSERT INTO dataset (id, name, abbr, format, state) VALUES (1, 'one', 'x', 'items', 'ready')")
        )
        number = await session.scalar(
            text("INSERT INTO item (dataset_id, position, source_id, sentences) VALUES (1, 0, 'a', 'b') RETURNING id")
        )
    assert number == 1


async def test_the_redis_of_a_test_is_empty(redis: Redis) -> None:
    assert await redis.dbsize() == 0


def test_the_world_beyond_this_machine_cannot_be_reached() -> None:
    with socket.socket() as client, pytest.raises((RuntimeError, UserWarning), match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 80))
