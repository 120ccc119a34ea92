"""The dispatcher: an outage of PostgreSQL takes no lease from a worker that lives."""

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import text

from app.cancelling import end_tasks
from app.store.session import Sessions
from app.wiring import open_resources
from tests.support.orders import settings_for
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
