"""The dispatcher: an outage of PostgreSQL takes no lease from a worker that lives; a leader that is busy leads on."""

import asyncio
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.cancelling import end_tasks
from app.store.session import Sessions
from app.wiring import open_resources
from tests.support.orders import add_dataset, order, settings_for, state_of, working
from tests.support.waiting import wait_until
from workers.dispatcher import Contact, Dispatcher

LEASE_S = 40.0
CALM_S = 10.0
_LEADER = text(
    """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 7305002
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)
_CUT = text("SELECT pg_terminate_backend(:pid)")


def answering(contact: Contact, start: float, end: float) -> Contact:
    for moment in range(int(start), int(end) + 1):
        contact.note(float(moment))
    return contact


def test_nothing_is_taken_back_before_every_worker_had_time_to_keep_its_own() -> None:
    contact = Contact(LEASE_S)
    assert not answering(contact, 0, CALM_S - 1).is_calm(CALM_S - 1)
    assert answering(contact, CALM_S, CALM_S).is_calm(CALM_S)


def test_an_outage_begins_that_time_anew() -> None:
    contact = answering(Contact(LEASE_S), 0, 100)
    contact.lose()
    contact.note(101)
    assert not contact.is_calm(101)
    assert answering(contact, 102, 101 + CALM_S).is_calm(101 + CALM_S)


def test_so_does_a_silence_in_which_leases_could_run_out() -> None:
    contact = answering(Contact(LEASE_S), 0, 100)
    contact.note(100 + LEASE_S / 2)
    assert contact.is_calm(100 + LEASE_S / 2)
    contact.note(101 + LEASE_S)
    assert not contact.is_calm(101 + LEASE_S)


def test_short_leases_are_given_five_seconds_too() -> None:
    contact = answering(Contact(1.0), 0, 0)
    assert not contact.is_calm(4.9)
    assert contact.is_calm(5.0)


async def test_a_leader_whose_own_connection_was_cut_leads_on_and_takes_it_for_no_outage(
    sessions: Sessions, database_url: str, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "syphus.dispatcher")
    settings = settings_for(database_url, redis_url, "http://127.0.0.1:9/v1", tmp_path)
    async with open_resources(settings) as resources:
        dispatching = asyncio.create_task(Dispatcher(resources, "leader").run())
        try:
            await wait_until(lambda: _leads(sessions, other_than=None), "a leader")
            async with sessions() as session:
                cut = (await session.execute(_LEADER)).scalar_one()
                await session.execute(_CUT, {"pid": cut})
            await wait_until(lambda: _leads(sessions, other_than=cut), "a leader by another connection")
        finally:
            await end_tasks(dispatching)
    assert [record.message for record in caplog.records] == ["leading", "lead_lost", "leading"]


async def _leads(sessions: Sessions, *, other_than: int | None) -> bool:
    async with sessions() as session:
        leader = (await session.execute(_LEADER)).scalar()
    return leader not in {None, other_than}


async def read_leader(sessions: Sessions) -> tuple[int, datetime] | None:
    """(process, when it was last used) of the session that holds the leader's lock."""
    leader = """
        SELECT pid, query_start FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE locktype = 'advisory' AND objid = 7305002 AND granted
    """
    async with sessions() as session:
        row: Any = (await session.execute(text(leader))).one_or_none()
        return None if row is None else (row[0], row[1])


async def test_a_leader_whose_work_takes_long_keeps_its_session_awake_and_leads_on(
    sessions: Sessions, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_url, redis_url, "http://127.0.0.1:1/v1", tmp_path)
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    async with sessions.begin() as session:
        await session.execute(text("UPDATE job SET state = 'cancelling'"))
    async with sessions.begin() as holding:
        await holding.execute(text("SELECT 1 FROM job FOR UPDATE"))
        async with working(settings):
            await wait_until(lambda: is_waiting(sessions), "the leader's work held up")
            held_up = await read_leader(sessions)
            assert held_up is not None

            async def is_used_again() -> bool:
                leader = await read_leader(sessions)
                return leader is not None and leader[0] == held_up[0] and leader[1] > held_up[1]

            await wait_until(is_used_again, "the session used", timeout_s=15)
            assert await is_waiting(sessions)
            await holding.rollback()
            await wait_until(lambda: is_cancelled(sessions, job_id), "the job moved on")
            leader = await read_leader(sessions)
            assert leader is not None
            assert leader[0] == held_up[0]


async def is_waiting(sessions: Sessions) -> bool:
    """Whether somebody waits for the row of a job."""
    async with sessions() as session:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM job%'"
        return int((await session.execute(text(waiting))).scalar_one()) > 0


async def is_cancelled(sessions: Sessions, job_id: int) -> bool:
    return (await state_of(sessions, job_id)).state == "cancelled"
