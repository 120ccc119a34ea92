"""A worker that stands still, unlike a dead one, keeps its connections: what hangs on them must come free as well."""

import asyncio
import signal
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.services.fleet import end_frozen_sessions, note_worker
from app.store.datasets import ITEM_TABLE, copy_items
from app.store.outages import is_outage
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from tests.faults.arena import LEASE_S, open_arena
from tests.support.endpoint import Endpoint
from tests.support.orders import add_dataset, finish, order, settings_for
from tests.support.waiting import wait_until

_LEADER = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
_TOUCH = text("UPDATE worker SET slots = slots + 1 WHERE id = 'any'")
_ADD_GATE = (
    """
    CREATE FUNCTION faults.pass() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(19);
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER gate BEFORE INSERT ON call FOR EACH STATEMENT EXECUTE FUNCTION faults.pass()",
)
_AMID = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'ClientRead'")
_CLOSE_GATE = text("SELECT pg_advisory_xact_lock(19)")
_HELD_UP = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 19")
_NEARLY_OVER = text("SELECT max(lease_until) < clock_timestamp() + make_interval(secs => :left_s) FROM shard")
_NOT_SENT = text("SELECT count(*) FROM call WHERE error_code = 'not_sent'")


async def test_another_worker_leads_while_the_leader_is_frozen(tmp_path: Path) -> None:
    async with open_arena(tmp_path) as arena:
        leader = await arena.start_worker()
        await wait_until(lambda: _is_led(arena.sessions, other_than=None), "a leader")
        connection = await _find_leader(arena.sessions)
        leader.send(signal.SIGSTOP)
        await arena.start_worker()
        await wait_until(lambda: _is_led(arena.sessions, other_than=connection), "another leader")
        leader.send(signal.SIGCONT)
        assert await arena.stop_workers() == [0, 0]


async def test_rows_locked_by_a_frozen_worker_come_free_and_it_sees_an_outage(
    sessions: Sessions, database_url: str
) -> None:
    await note_worker(sessions, "any", 1)
    engine = make_engine(database_url, longest_pause_s=0.2)
    async with make_sessions(engine)() as frozen:
        await frozen.execute(_TOUCH)
        async with sessions.begin() as session:
            await session.execute(_TOUCH)
        with pytest.raises(Exception, match=r".") as caught:
            await frozen.execute(_TOUCH)
        assert is_outage(caught.value)
    await engine.dispose()


async def test_rows_locked_by_a_session_that_was_frozen_amid_a_request_come_free(sessions: Sessions) -> None:
    await note_worker(sessions, "any", 1)
    async with sessions() as frozen:
        await frozen.execute(_TOUCH)
        connection = await driver_connection(frozen)
        connection._transport.write(b"P" + struct.pack("!i", 16) + b"\0SELECT 1\0\0\0")  # and nothing behind it
        await wait_until(lambda: _is_amid_a_request(sessions), "a session that waits for the rest")
        assert await end_frozen_sessions(sessions, 60.0) == 0
        await wait_until(lambda: _has_ended_one(sessions), "the end of that session")
        async with sessions.begin() as session:
            await session.execute(_TOUCH)
        await frozen.invalidate()


async def test_an_upload_that_waits_for_rows_is_not_taken_for_frozen(sessions: Sessions) -> None:
    is_over = asyncio.Event()

    async def no_rows() -> AsyncIterator[tuple[object, ...]]:
        await is_over.wait()
        for row in list[tuple[object, ...]]():
            yield row

    async with sessions() as session:
        copying = asyncio.create_task(copy_items(session, ITEM_TABLE, no_rows()))
        await wait_until(lambda: _is_amid_a_request(sessions), "a COPY that waits for rows")
        assert await end_frozen_sessions(sessions, 0.0) == 0
        is_over.set()
        await copying


async def _is_amid_a_request(sessions: Sessions) -> bool:
    async with sessions() as session:
        return bool((await session.execute(_AMID)).scalar_one())


async def _has_ended_one(sessions: Sessions) -> bool:
    return await end_frozen_sessions(sessions, 0.0) == 1


async def _find_leader(sessions: Sessions) -> int | None:
    async with sessions() as session:
        return (await session.execute(_LEADER)).scalar_one_or_none()


async def _is_held_up(sessions: Sessions) -> bool:
    async with sessions() as session:
        return bool((await session.execute(_HELD_UP)).scalar_one())


async def _is_nearly_over(sessions: Sessions) -> bool:
    """Whether each lease is past what its holder trusts, while PostgreSQL still waits for its open transaction."""
    async with sessions() as session:
        return bool((await session.execute(_NEARLY_OVER, {"left_s": LEASE_S / 10})).scalar_one())


async def _are_under_way(endpoint: Endpoint, calls: int) -> bool:
    return int((await endpoint.stats())["in_flight"]) >= calls


async def _is_led(sessions: Sessions, *, other_than: int | None) -> bool:
    return await _find_leader(sessions) not in {None, other_than}


async def test_a_call_that_was_allowed_before_its_worker_froze_is_not_sent_once_the_lease_may_be_gone(
    tmp_path: Path,
) -> None:
    async with open_arena(tmp_path) as arena, arena.sessions() as gate:
        settings = settings_for(arena.database_url, arena.redis_url, arena.endpoint.url, tmp_path)
        job_id = await order(arena.sessions, settings, await add_dataset(arena.sessions, 10))
        async with arena.sessions.begin() as session:
            for statement in _ADD_GATE:
                await session.execute(text(statement))
        await gate.execute(_CLOSE_GATE)
        worker = await arena.start_worker()
        await wait_until(lambda: _is_held_up(arena.sessions), "an intent before the gate")
        worker.send(signal.SIGSTOP)
        await gate.rollback()
        await wait_until(lambda: _is_nearly_over(arena.sessions), "the end of the lease")
        worker.send(signal.SIGCONT)
        await finish(arena.sessions, job_id)
        assert await arena.stop_workers() == [0]
        async with arena.sessions() as session:
            assert (await session.execute(_NOT_SENT)).scalar_one() > 0
        assert set((await arena.endpoint.keys()).values()) == {1}


async def test_leases_that_ran_out_while_postgresql_stood_still_cost_nothing(tmp_path: Path) -> None:
    async with open_arena(tmp_path) as arena:
        await arena.endpoint.set_mode(latency_ms=int(LEASE_S * 1500))
        settings = settings_for(arena.database_url, arena.redis_url, arena.endpoint.url, tmp_path)
        job_id = await order(arena.sessions, settings, await add_dataset(arena.sessions, 40))
        for _ in range(2):
            await arena.start_worker()
        await wait_until(lambda: _are_under_way(arena.endpoint, 16), "calls under way")
        arena.signal_postgres(signal.SIGSTOP)
        await asyncio.sleep(LEASE_S + 1)  # no condition but time ends a lease
        arena.signal_postgres(signal.SIGCONT)
        await finish(arena.sessions, job_id)
        assert await arena.stop_workers() == [0, 0]
        assert set((await arena.endpoint.keys()).values()) == {1}
