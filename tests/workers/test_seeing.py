"""Jobs that show the model the pictures: what the endpoint is sent, and what becomes of items without them."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import select, text

from app.blobs import open_blobs
from app.clock import utc_now
from app.errors import InvalidRequestError
from app.main import create_app
from app.services.images import image_path
from app.services.showing import Ticket
from app.settings import Settings
from app.store import models
from app.store.session import Sessions
from tests.pictures.files import encode, scene
from tests.support.bill import PICTURE_TOKENS
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(
        database_url, redis_url, endpoint.url, tmp_path, public_url="https://pairs.example/", signing_key="a secret"
    )


async def test_two_pictures_are_sent_in_order_with_the_text_about_them(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 1)
    await _describe(sessions, dataset_id, "image a:\na red van\nimage b:\na blue van", ["B", "A"])
    await _upload(sessions, settings, dataset_id, {"A": (400, 300), "B": (300, 400)})
    job_id = await order(sessions, settings, dataset_id, vision={"tokens": 500})
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    ((layout,), usage) = await _look(endpoint), (await counts_of(sessions, job_id))["usage.prompt_tokens"]
    assert re.findall(r"image [ab]:|<image/jpeg \d+x\d+>|a \w+ van", layout) == [
        "image a:",
        "<image/jpeg 300x400>",
        "a red van",
        "image b:",
        "<image/jpeg 400x300>",
        "a blue van",
    ]
    assert 2 * PICTURE_TOKENS < usage < 2 * PICTURE_TOKENS + 3000


async def test_frames_of_a_video_are_sampled_and_kept_small(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 1)
    frames = [f"F{number:02d}" for number in range(20)]
    await _describe(sessions, dataset_id, "a long ride", frames)
    await _upload(sessions, settings, dataset_id, dict.fromkeys(frames[:-3], (640, 480)))
    job_id = await order(sessions, settings, dataset_id, vision={"max_images": 3, "tokens": 300})
    async with working(settings):
        await finish(sessions, job_id)
    (layout,) = await _look(endpoint)
    sizes = re.findall(r"<image/jpeg (\d+)x(\d+)>", layout)
    assert len(sizes) == 3
    assert sum(int(width) * int(height) for width, height in sizes) <= 300 * 750


async def test_an_item_without_its_pictures_fails_alone_and_costs_nothing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 3)
    await _upload(sessions, settings, dataset_id, {"IMG_0": (80, 60), "IMG_2": (80, 60)})
    job_id = await order(sessions, settings, dataset_id, vision=True)
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert job.state == "completed"
    assert job.reason is not None
    assert (counts["items.done"], counts["items.failed"], counts["usage.calls"]) == (2, 1, 2)
    async with sessions() as session:
        row = (await session.execute(select(models.ItemState).where(models.ItemState.state == "failed"))).scalar_one()  # type: ignore[arg-type]  # a column
    assert row.code == "image_missing"
    assert "IMG_1" in str(row.detail)


async def test_addresses_are_signed_and_expire(sessions: Sessions, settings: Settings, endpoint: Endpoint) -> None:
    dataset_id = await add_dataset(sessions, 1)
    await _upload(sessions, settings, dataset_id, {"IMG_0": (80, 60)})
    job_id = await order(sessions, settings, dataset_id, vision={"images": "url"})
    async with working(settings):
        await finish(sessions, job_id)
    (layout,) = await _look(endpoint)
    path = re.findall(r"<https://pairs\.example(/v1/shown/[^>]+)>", layout)[0]
    app = create_app(settings.model_copy(update={"auth": "on", "api_keys": "syp_test"}))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client,
    ):
        shown = await client.get(path)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert shown.content.startswith(b"\xff\xd8")
        assert (await client.get(path[:-1] + ("A" if path[-1] != "A" else "B"))).status_code == 404
        digest = path.rsplit("/", 1)[1].split(".")[0]
        old = Ticket(digest, 200, int(utc_now().timestamp()) - 1).seal(settings.signing_key)
        assert (await client.get(f"/v1/shown/{old}")).status_code == 404
        assert (await client.get("/v1/shown/nonsense")).status_code == 404


async def test_an_order_that_cannot_be_shown_is_refused(sessions: Sessions, settings: Settings) -> None:
    dataset_id = await add_dataset(sessions, 1)
    with pytest.raises(InvalidRequestError) as refused:
        await order(sessions, settings, dataset_id, vision=True)
    assert [fault.code for fault in refused.value.errors] == ["no_images"]
    await _upload(sessions, settings, dataset_id, {"IMG_0": (80, 60)})
    bare = settings.model_copy(update={"public_url": ""})
    with pytest.raises(InvalidRequestError) as refused:
        await order(sessions, bare, dataset_id, vision={"images": "url"})
    assert [fault.code for fault in refused.value.errors] == ["not_configured"]


async def _look(endpoint: Endpoint) -> list[str]:
    shown: list[str] = (await endpoint.stats())["shown"]
    return shown


async def _describe(sessions: Sessions, dataset_id: int, sentences: str, image_ids: list[str]) -> None:
    statement = text("UPDATE item SET sentences = :sentences, image_ids = :image_ids WHERE dataset_id = :dataset_id")
    values = {"sentences": sentences, "image_ids": image_ids, "dataset_id": dataset_id}
    async with sessions.begin() as session:
        await session.execute(statement, values)


async def _upload(sessions: Sessions, settings: Settings, dataset_id: int, sizes: dict[str, tuple[int, int]]) -> None:
    """Pictures of these sizes, by image id."""
    blobs = open_blobs(str(settings.home / "blobs"))
    for seed, (image_id, (width, height)) in enumerate(sizes.items()):
        data = encode(scene(width, height, seed))
        digest = sha256(data).hexdigest()

        async def chunks(data: bytes = data) -> AsyncIterator[bytes]:
            yield data

        await blobs.write(image_path(digest), chunks())
        row = models.Image(
            dataset_id=dataset_id, image_id=image_id, sha256=digest, media_type="image/png", width=width,
            height=height, size=len(data), source=image_id, feature=None, created_at=utc_now(),
        )  # fmt: skip
        async with sessions.begin() as session:
            session.add(row)
