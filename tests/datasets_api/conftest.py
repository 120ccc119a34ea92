"""The application as a client meets it, and where its uploads pass through."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.services.uploads import incoming_folder
from app.settings import Settings, load_settings
from app.store.session import Sessions
from tests.api.service import open_client


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """A service with small caps."""
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        home=tmp_path,
        queue_name=f"test:{tmp_path.name}",
        upload_cap_bytes=8_000_000,
        body_cap_bytes=100_000,
    )


@pytest_asyncio.fixture
async def client(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; `sessions` is the clean database beneath it."""
    async with open_client(create_app(settings), "http://127.0.0.1:8000/v1") as client:
        yield client


@pytest.fixture
def incoming(settings: Settings) -> Path:
    """Where uploads wait to be read; empty when nothing half-made is left."""
    return incoming_folder(settings)
