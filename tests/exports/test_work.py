"""The work of an export: one effect, whoever tries it and however often."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from app.ids import decode_id, encode_id
from app.resources import Resources
from app.services.exporting.work import work_export
from app.store.exports import ExportResult, claim_export, finish_export, keep_export, list_due_exports, return_export
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import WORKER, add_kind_dataset, order_export


async def order(client: httpx2.AsyncClient, sessions: Sessions) -> int:
    """A queued export's number."""
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items)
    return decode_id("export", (await order_export(client, job_id))["id"])


async def expire(sessions: Sessions, export_id: int) -> None:
    """Let the lease run out."""
    async with sessions.begin() as session:
        statement = text("UPDATE export SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id")
        await session.execute(statement, {"id": export_id})


async def test_many_workers_at_once_make_it_once(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    export_id = await order(client, sessions)
    await asyncio.gather(*(work_export(resources, export_id, f"worker-{n}") for n in range(5)))
    await work_export(resources, export_id, "late")
    async with sessions() as session:
        row = (await session.execute(text("SELECT state, fence, attempts, owner FROM export"))).one()
    assert tuple(row) == ("completed", 1, 1, None)


async def test_a_worker_that_lost_its_lease_changes_nothing(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    export_id = await order(client, sessions)
    async with sessions.begin() as session:
        old = await claim_export(session, export_id, "old", 60)
        assert old is not None
        assert await claim_export(session, export_id, "new", 60) is None
    await expire(sessions, export_id)
    async with sessions.begin() as session:
        new = await claim_export(session, export_id, "new", 60)
        assert new is not None
        assert new.fence == old.fence + 1
        assert not await keep_export(session, old, 60)
        assert not await finish_export(session, old, ExportResult("completed", [], {}, None))
        assert not await return_export(session, old, None, is_forgiven=True)
        assert await keep_export(session, new, 60)


async def test_an_export_whose_worker_dies_three_times_fails(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    export_id = await order(client, sessions)
    for _ in range(3):
        async with sessions.begin() as session:
            assert await claim_export(session, export_id, WORKER, 60) is not None
        await expire(sessions, export_id)
    async with sessions.begin() as session:
        assert await claim_export(session, export_id, WORKER, 60) is None
    shown = (await client.get(f"/exports/{encode_id('export', export_id)}")).json()
    assert (shown["state"], shown["reason"], shown["files"]) == ("failed", "worker_lost", [])


async def test_a_try_that_fails_is_repeated_and_the_third_one_ends_it(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    export_id = await order(client, sessions)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE dataset SET kind = 'gone.Kind'"))
    shown: dict[str, object] = {}
    for state in ("queued", "queued", "failed"):
        await work_export(resources, export_id, WORKER)
        shown = (await client.get(f"/exports/{encode_id('export', export_id)}")).json()
        assert shown["state"] == state
    assert "gone.Kind" in str(shown["reason"])


async def test_a_cancelled_try_goes_back_uncounted_and_leaves_no_files(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, tmp_path: Path
) -> None:
    export_id = await order(client, sessions)
    async with sessions.begin() as session:
        await session.execute(text("LOCK TABLE pair IN ACCESS EXCLUSIVE MODE"))
        work = asyncio.ensure_future(work_export(resources, export_id, WORKER))
        await asyncio.wait({work}, timeout=0.5)
        assert not work.done()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        row = (await session.execute(text("SELECT state, attempts FROM export"))).one()
        assert tuple(row) == ("queued", 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    await work_export(resources, export_id, WORKER)
    assert (await client.get(f"/exports/{encode_id('export', export_id)}")).json()["state"] == "completed"


async def test_exports_are_due_while_queued_or_lost(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    export_id = await order(client, sessions)
    async with sessions.begin() as session:
        assert await list_due_exports(session, 30.0) == []
        assert await list_due_exports(session, 0.0) == [(export_id, 0)]
        assert await list_due_exports(session, 30.0) == []
        await claim_export(session, export_id, WORKER, 60)
        assert await list_due_exports(session, 0.0) == []
    await expire(sessions, export_id)
    async with sessions.begin() as session:
        assert await list_due_exports(session, 0.0) == [(export_id, 1)]


async def test_a_wait_is_answered_when_the_export_is_done(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    export_id = await order(client, sessions)
    path = f"/exports/{encode_id('export', export_id)}"
    waiting = asyncio.ensure_future(client.get(path, headers={"Prefer": "wait=30"}))
    await work_export(resources, export_id, WORKER)
    answered = await waiting
    assert answered.headers["preference-applied"] == "wait=30"
    assert answered.json()["state"] in {"running", "completed"}
    done = await client.get(path)
    assert (await client.get(path, headers={"If-None-Match": done.headers["etag"]})).status_code == 304


async def test_orders_that_cannot_be_filled_are_refused_with_a_pointer(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items)
    good = {"job_id": encode_id("job", job_id), "format": "jsonl"}
    for change, status, pointer in (
        ({"format": "docx"}, 422, "/format"),
        ({"languages": ["en", "tlh"]}, 422, "/languages/1"),
        ({"filters": {"status": "fine"}}, 422, "/filters/status"),
        ({"filters": {"colour": "red"}}, 422, "/filters/colour"),
        ({"job_id": "job_0000000000001"}, 404, None),
    ):
        response = await client.post("/exports", json={**good, **change})
        assert response.status_code == status, response.text
        pointers = [fault["pointer"] for fault in response.json()["errors"]]
        assert pointer is None or any(found.startswith(pointer) for found in pointers), pointers
    headers = {"Idempotency-Key": "export-1"}
    first, again = [await client.post("/exports", json=good, headers=headers) for _ in range(2)]
    assert first.json()["id"] == again.json()["id"]
    listed = (await client.get(f"/exports?job_id={good['job_id']}")).json()["data"]
    assert [export["id"] for export in listed] == [first.json()["id"]]
