"""A worker that stands still, unlike a dead one, keeps its connections: what hangs on them must come free as well."""

import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from app.services.fleet import note_worker
from app.store.outages import is_outage
from app.store.session import Sessions, make_engine, make_sessions
from tests.faults.arena import open_arena
from tests.support.waiting import wait_until

_LEADER = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
_TOUCH = text("UPDATE worker SET slots = slots + 1 WHERE id = 'any'")


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


async def _find_leader(sessions: Sessions) -> int | None:
    async with sessions() as session:
        return (await session.execute(_LEADER)).scalar_one_or_none()


async def _is_led(sessions: Sessions, *, other_than: int | None) -> bool:
    return await _find_leader(sessions) not in {None, other_than}
