"""What happens to a job, as it happens, over a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import orjson
import pytest_asyncio

from app.api.events import PROGRESS_S
from app.clock import monotonic_s, utc_now
from app.ids import encode_id
from app.main import create_app
from app.settings import Settings
from app.store.jobs import get_job, move_job
from app.store.session import Sessions
from app.store.tallies import add_tallies
from tests.api.service import add_dataset, add_job, add_pairs, assert_problem, serve

SSE = "text/event-stream"


@pytest_asyncio.fixture
async def served(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(create_app(settings)) as url,
        httpx2.AsyncClient(base_url=url, timeout=20) as client,
    ):
        yield client


async def read_frames(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """The frames of an event stream as fields; comments are skipped."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if not line and fields:
            yield fields
            fields = {}
        elif name:
            fields[name] = value


async def test_a_stream_tells_all_from_the_first_event_to_the_final_one(
    served: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="in_progress")
    seen: list[tuple[str, str]] = []
    async with served.stream("GET", f"/v1/jobs/{encode_id('job', job_id)}/events") as response:
        assert response.headers["content-type"].startswith(SSE)
        assert "content-encoding" not in response.headers
        async for frame in read_frames(response.aiter_lines()):
            if "event" not in frame:
                continue
            seen.append((frame.get("id", ""), frame["event"]))
            if len(seen) == 3:
                async with sessions.begin() as session:
                    await add_tallies(session, {(job_id, "items.done"): 4}, 0)
                    job = await get_job(session, job_id, lock=True)
                    await move_job(session, job, "finalizing")
                    await move_job(session, job, "completed")
    assert seen[:3] == [("1", "job.created"), ("2", "job.in_progress"), ("", "progress")]
    assert seen[-3:] == [("", "progress"), ("3", "job.finalizing"), ("4", "job.completed")]


async def test_progress_shows_the_job_as_it_stands(served: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="in_progress")
    path = f"/v1/jobs/{encode_id('job', job_id)}/events"
    done = []
    async with served.stream("GET", path) as response:
        async for frame in read_frames(response.aiter_lines()):
            if frame.get("event") == "progress":
                done.append(orjson.loads(frame["data"])["counts"]["items"]["done"])
                if len(done) == 3:
                    break
                async with sessions.begin() as session:
                    await add_tallies(session, {(job_id, "items.done"): 1}, 0)
    assert done == [0, 1, 2]


async def test_progress_is_silent_while_only_the_time_left_changes(
    served: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="in_progress")
    async with sessions.begin() as session:
        (await get_job(session, job_id, lock=True)).started_at = utc_now()
        await add_tallies(session, {(job_id, "items.done"): 1}, 0)
    path = f"/v1/jobs/{encode_id('job', job_id)}"
    seconds_left = set()
    shown = []
    async with served.stream("GET", f"{path}/events") as response:
        async for frame in read_frames(response.aiter_lines()):
            if frame.get("event") != "progress":
                continue
            shown.append(orjson.loads(frame["data"])["counts"]["items"]["done"])
            if len(shown) == 2:
                break
            began_s = monotonic_s()
            while monotonic_s() - began_s < 2 * PROGRESS_S:
                seconds_left.add((await served.get(path)).json()["eta_seconds"])
            async with sessions.begin() as session:
                await add_tallies(session, {(job_id, "items.done"): 1}, 0)
    assert len(seconds_left) > 1
    assert shown == [1, 2]


async def test_a_reader_who_comes_back_gets_what_it_missed_and_then_nothing(
    served: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    path = f"/v1/jobs/{encode_id('job', await add_job(sessions, dataset_id))}/events"
    missed = await served.get(path, headers={"Last-Event-ID": "1"})
    assert "event: job.created" not in missed.text
    assert missed.text.endswith("\n\n")
    assert "id: 2\nevent: job.completed\n" in missed.text
    assert (await served.get(path, headers={"Last-Event-ID": "2"})).status_code == 204


async def test_events_come_as_pages_of_json_for_who_asks(served: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = encode_id("job", await add_job(sessions, dataset_id))
    path = f"/v1/jobs/{job_id}/events"
    for asked in (await served.get(f"{path}?after=0"), await served.get(path, headers={"Accept": "application/json"})):
        assert [event["type"] for event in asked.json()["data"]] == ["job.created", "job.completed"]
        assert asked.json()["data"][1]["seq"] == 2
        assert asked.json()["data"][0]["job_id"] == job_id
    assert [event["seq"] for event in (await served.get(f"{path}?after=1")).json()["data"]] == [2]
    first = await served.get(f"{path}?limit=1")
    second = await served.get(first.links["next"]["url"])
    assert [event["seq"] for event in second.json()["data"]] == [2]
    assert_problem(await served.get(path, headers={"Accept": "text/csv"}), 406, "not_acceptable", mend=SSE)


async def test_head_of_an_endless_stream_ends(served: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="in_progress")
    await add_pairs(sessions, job_id, items)
    for path in (f"/v1/jobs/{encode_id('job', job_id)}/events", "/v1/pairs/stream"):
        response = await served.head(path)
        assert (response.status_code, response.content) == (200, b"")


async def test_readers_of_events_do_not_keep_the_server_from_stopping(settings: Settings, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = encode_id("job", await add_job(sessions, dataset_id, state="in_progress"))
    opened = asyncio.Event()

    async def read(url: str) -> int:
        frames = 0
        async with (
            httpx2.AsyncClient(base_url=url, timeout=20) as client,
            client.stream("GET", f"/v1/jobs/{job_id}/events") as response,
        ):
            async for _ in read_frames(response.aiter_lines()):
                frames += 1
                opened.set()
        return frames

    async with serve(create_app(settings)) as url:
        reading = asyncio.create_task(read(url))
        await opened.wait()
    assert await reading >= 3
