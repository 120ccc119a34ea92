"""Exports that are interrupted: the next try goes on, and the bytes are those of an export that never stopped."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.ids import decode_id
from app.resources import Resources
from app.services.exporting.work import work_export
from app.settings import Settings
from app.store import export_lines
from app.store.export_rows import begin_snapshot
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import WORKER, add_kind_dataset, finish_export, order_export
from tests.exports.pictures import add_picture, draw_picture
from tests.support.processes import PROJECT
from tests.support.waiting import wait_until

FORMATS = ["mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"]
SPLIT = {"train": 0.75, "validation": 0.25, "seed": 3}
HELD_AT = 4  # the files that are noted when the worker is killed

_WORKER = """
import asyncio, sys
from app.services.exporting.work import work_export
from app.settings import load_settings
from app.wiring import open_resources

async def work():
    async with open_resources(load_settings()) as resources:
        await work_export(resources, int(sys.argv[1]), "killed")

asyncio.run(work())
"""
_HOLD = """
CREATE FUNCTION hold_export() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF jsonb_array_length(coalesce(NEW.progress -> 'files', '[]')) = {at} AND NEW.fence = 1 THEN
        PERFORM pg_advisory_xact_lock(4711);
    END IF;
    RETURN NEW;
END $$
"""


async def make_job(resources: Resources, sessions: Sessions, items: int = 8) -> int:
    dataset_id, item_ids = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", items)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, item_ids, languages=["zh", "fr"])
    for number in range(items):
        await add_picture(resources, sessions, dataset_id, f"IMG_{number}", draw_picture(number))
    return job_id


def digests(export: dict[str, Any]) -> list[tuple[str, str]]:
    return [(file["name"], file["sha256"]) for file in export["files"]]


async def paths_of(sessions: Sessions, export_id: int) -> list[str]:
    async with sessions() as session:
        files = (await session.execute(text("SELECT files FROM export WHERE id = :id"), {"id": export_id})).scalar_one()
    return [file["path"].split("/", 2)[2] for file in files]


@asynccontextmanager
async def holding(sessions: Sessions, at: int) -> AsyncIterator[None]:
    """While this lasts, the first worker of an export cannot note so many files."""
    async with sessions() as keeper:
        await keeper.execute(text("SELECT pg_advisory_lock(4711)"))
        async with sessions.begin() as session:
            await session.execute(text(_HOLD.format(at=at)))
            await session.execute(
                text("CREATE TRIGGER hold BEFORE UPDATE ON export FOR EACH ROW EXECUTE FUNCTION hold_export()")
            )
        try:
            yield
        finally:
            await keeper.execute(text("SELECT pg_advisory_unlock(4711)"))
            async with sessions.begin() as session:
                await session.execute(text("DROP TRIGGER hold ON export"))
                await session.execute(text("DROP FUNCTION hold_export"))


async def is_held(sessions: Sessions) -> bool:
    async with sessions() as session:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
        return bool((await session.execute(text(waiting))).scalar_one())


@pytest.mark.parametrize("file_format", FORMATS)
async def test_a_second_export_has_the_same_bytes(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> None:
    job_id = await make_job(resources, sessions)
    order: dict[str, Any] = {"file_format": file_format, "images": "base64", "split": SPLIT}
    one, other = [await finish_export(client, resources, await order_export(client, job_id, **order)) for _ in range(2)]
    assert digests(one) == digests(other)
    assert one["id"] != other["id"]


@pytest.mark.parametrize("file_format", FORMATS)
async def test_lines_made_in_small_parts_have_the_same_bytes(
    client: httpx2.AsyncClient,
    resources: Resources,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    file_format: str,
) -> None:
    job_id = await make_job(resources, sessions)
    order: dict[str, Any] = {"file_format": file_format, "images": "base64"}
    whole = await finish_export(client, resources, await order_export(client, job_id, **order))
    monkeypatch.setattr(export_lines, "PART_PAIRS", 3)
    in_parts = await finish_export(client, resources, await order_export(client, job_id, **order))
    assert digests(whole) == digests(in_parts)
    assert whole["counts"] == in_parts["counts"]


async def test_a_worker_that_is_killed_leaves_what_it_finished_and_the_bytes_are_the_same(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, settings: Settings
) -> None:
    job_id = await make_job(resources, sessions)
    order: dict[str, Any] = {"images": "base64", "split": SPLIT}
    whole = await finish_export(client, resources, await order_export(client, job_id, **order))
    ordered = await order_export(client, job_id, **order)
    export_id = decode_id("export", ordered["id"])
    environment = {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "SYPHUS_HOME": str(settings.home),
    }
    async with holding(sessions, HELD_AT):
        command = [sys.executable, "-c", _WORKER, str(export_id)]
        with subprocess.Popen(command, cwd=PROJECT, env=environment) as process:
            await wait_until(lambda: is_held(sessions), "the worker to be held", timeout_s=60)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    async with sessions.begin() as session:
        expired = "UPDATE export SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id"
        await session.execute(text(expired), {"id": export_id})
    export = await finish_export(client, resources, ordered)
    assert digests(export) == digests(whole)
    kept = [path for path in await paths_of(sessions, export_id) if path.startswith("1/")]
    assert len(kept) == HELD_AT - 1
    folder = settings.home / "blobs" / "exports" / str(export_id)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == set(await paths_of(sessions, export_id))


async def interrupt(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, job_id: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An export whose only try so far has finished its files and failed after that; and the files."""
    ordered = await order_export(client, job_id)
    done = await finish_export(client, resources, ordered)
    assert done["state"] == "completed"
    export_id = decode_id("export", ordered["id"])
    async with sessions.begin() as session:
        files = (await session.execute(text("SELECT files FROM export WHERE id = :id"), {"id": export_id})).scalar_one()
        fingerprint = await read_fingerprint(resources, job_id)
        statement = (
            "UPDATE export SET state = 'queued', files = '[]', certificate = NULL, finished_at = NULL, progress ="
            " jsonb_build_object('fingerprint', CAST(:fingerprint AS text), 'files', files) WHERE id = :id"
        )
        await session.execute(text(statement), {"id": export_id, "fingerprint": fingerprint})
    return ordered, files


async def read_fingerprint(resources: Resources, job_id: int) -> str:
    async with resources.sessions() as session:
        dataset = (
            await session.execute(text("SELECT dataset_id FROM job WHERE id = :id"), {"id": job_id})
        ).scalar_one()
    async with resources.sessions() as session:
        return await begin_snapshot(session, job_id, dataset)


async def test_finished_files_are_kept_while_nothing_changed(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id = await make_job(resources, sessions)
    ordered, files = await interrupt(client, resources, sessions, job_id)
    await finish_export(client, resources, ordered)
    kept = await paths_of(sessions, decode_id("export", ordered["id"]))
    assert {path.partition("/")[0] for path in kept} == {"1"}
    assert len(kept) == len(files)


async def test_a_file_that_was_damaged_is_written_again(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, settings: Settings
) -> None:
    job_id = await make_job(resources, sessions)
    ordered, files = await interrupt(client, resources, sessions, job_id)
    damaged, gone = (Path(settings.home / "blobs" / file["path"]) for file in files[:2])
    damaged.write_bytes(damaged.read_bytes().replace(b"place", b"plate"))
    gone.unlink()
    export = await finish_export(client, resources, ordered)
    assert digests(export) == [(file["name"], file["sha256"]) for file in files]
    folders = [path.partition("/")[0] for path in await paths_of(sessions, decode_id("export", ordered["id"]))]
    assert folders[:3] == ["2", "2", "1"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pair SET response = 'Another answer.' WHERE id = (SELECT min(id) FROM pair)",
        "DELETE FROM relation WHERE pair_id = (SELECT min(id) FROM pair)",
        "UPDATE image SET sha256 = 'x' WHERE id = (SELECT min(id) FROM image)",
    ],
)
async def test_nothing_is_kept_once_something_changed(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, change: str
) -> None:
    job_id = await make_job(resources, sessions)
    ordered, _ = await interrupt(client, resources, sessions, job_id)
    async with sessions.begin() as session:
        await session.execute(text(change))
    await finish_export(client, resources, ordered)
    kept = await paths_of(sessions, decode_id("export", ordered["id"]))
    assert {path.partition("/")[0] for path in kept} == {"2"}


async def test_a_failed_export_leaves_no_file(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, settings: Settings
) -> None:
    job_id = await make_job(resources, sessions, 1)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET response = '  ' WHERE id = (SELECT min(id) FROM pair)"))
    ordered = await order_export(client, job_id)
    await work_export(resources, decode_id("export", ordered["id"]), WORKER)
    shown = (await client.get(f"/exports/{ordered['id']}")).json()
    assert (shown["state"], shown["reason"]) == ("failed", "certificate_failed")
    (problem,) = shown["certificate"]["problems"]
    assert problem == {
        "code": "blank_answer",
        "file": "DC_instructions.json",
        "at": "line 2, DC_INS_00001",
        "message": "the answer has no text",
    }
    exports = settings.home / "blobs" / "exports"
    assert [path for path in exports.rglob("*") if path.is_file()] == []
