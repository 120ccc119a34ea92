"""The application, and what a worker holds."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.resources import Resources
from app.settings import Settings, load_settings
from app.store.session import Sessions
from app.wiring import open_resources
from tests.api.service import open_client


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        database_url=database_url, redis_url=redis_url, home=tmp_path, queue_name=f"test:{tmp_path.name}", lease_s=5.0
    )


@pytest_asyncio.fixture
async def client(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; `sessions` is the clean database beneath it."""
    async with open_client(create_app(settings), "http://127.0.0.1:8000/v1") as client:
        yield client


@pytest_asyncio.fixture
async def resources(settings: Settings, sessions: Sessions) -> AsyncIterator[Resources]:
    """What a worker holds."""
    async with open_resources(settings) as resources:
        yield resources
