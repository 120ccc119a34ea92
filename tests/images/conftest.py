"""The application as a client meets it, with a dataset of two pairs of pictures."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.pictures.desk import PictureDesk
from app.services.uploads import incoming_folder
from app.settings import Settings, load_settings
from app.store.session import Sessions
from tests.api.service import open_client

MakeDataset = Callable[..., Awaitable[str]]

_CHANGES = [{"img_id": str(number), "sentences": ["The red car is gone."]} for number in (1, 2)]


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """A service with small caps."""
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        home=tmp_path,
        queue_name=f"test:{tmp_path.name}",
        upload_cap_bytes=16_000_000,
        picture_cap_bytes=2_000_000,
        archive_cap_entries=500,
        form_cap_files=5,
        body_cap_bytes=100_000,
    )


@pytest_asyncio.fixture
async def client(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; `sessions` is the clean database beneath it."""
    async with open_client(create_app(settings), "http://127.0.0.1:8000/v1") as client:
        yield client


@pytest_asyncio.fixture
async def make_dataset(client: httpx2.AsyncClient) -> MakeDataset:
    """`await make_dataset(kind, records)`: a dataset's id; by default SD_IMG_00001_1 to SD_IMG_00002_2."""

    async def make(kind: str = "change.SpotTheDifference", records: object = _CHANGES) -> str:
        response = await client.post(f"/datasets?kind={kind}", files={"file": ("a.json", _dump(records))})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    return make


@pytest.fixture
def incoming(settings: Settings) -> Path:
    """Where uploads wait to be read; empty when nothing half-made is left."""
    return incoming_folder(settings)


def _dump(records: object) -> bytes:
    return json.dumps(records).encode()


@pytest_asyncio.fixture(scope="session")
async def desk() -> AsyncIterator[PictureDesk]:
    """A desk without an application."""
    desk = PictureDesk()
    yield desk
    await desk.close()
