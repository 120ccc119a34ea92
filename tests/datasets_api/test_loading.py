"""Rows on their way into a table: what is refused in between, and what becomes of them when PostgreSQL goes."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from app.store.datasets import ITEM_TABLE, copy_items
from app.store.session import Sessions, driver_connection
from tests.support.waiting import wait_until

_GOOD, _BAD = '{{"id": "item-{}", "sentences": "A car."}}', '{{"id": "item-{}", "sentences": 7}}'


async def endless_items() -> AsyncIterator[tuple[object, ...]]:
    for number in count():
        yield (1, number, f"item-{number}", "A man crosses the street. " * 20, (), None)
        if number % 1000 == 0:
            await asyncio.sleep(0)


async def test_rows_end_when_the_connection_is_lost_while_postgresql_takes_none(sessions: Sessions) -> None:
    async with sessions() as holding, sessions() as session:
        await holding.execute(text("LOCK TABLE item IN SHARE MODE"))
        connection = await driver_connection(session)
        copying = asyncio.ensure_future(copy_items(session, ITEM_TABLE, endless_items()))
        await wait_until(lambda: not connection._protocol.writing_allowed.is_set(), "a full buffer")
        await holding.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": connection.get_server_pid()})
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)):
            await asyncio.wait_for(copying, 20)
        await session.invalidate()


async def test_rows_that_fail_on_their_way_leave_no_row_and_a_usable_connection(sessions: Sessions) -> None:
    async def torn_items() -> AsyncIterator[tuple[object, ...]]:
        async for row in endless_items():
            yield row
            if row[1] == 5000:
                raise ValueError("torn")

    async with sessions() as session:
        with pytest.raises(ValueError, match="torn"):
            await copy_items(session, ITEM_TABLE, torn_items())
        await session.rollback()
        assert (await session.execute(text("SELECT count(*) FROM item"))).scalar_one() == 0


async def test_thousands_of_refused_records_among_good_ones_keep_their_order(client: httpx2.AsyncClient) -> None:
    lines = [(_BAD if n % 2 else _GOOD).format(n) for n in range(20_000)]
    response = await client.put("/datasets?name=mixed", content="\n".join(lines).encode())
    assert response.status_code == 201, response.text
    dataset = response.json()
    assert dataset["counts"] == {"items": 10_000, "unique_source_ids": 10_000, "images": 0, "errors": 10_000}
    told, query = [], "limit=1000"
    while query:
        page = (await client.get(f"/datasets/{dataset['id']}/errors?{query}")).json()
        told += [error["line"] for error in page["data"]]
        query = f"limit=1000&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert told == list(range(2, 20_001, 2))
