"""The real application on the real database, in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.settings import Settings, load_settings
from app.store.session import Sessions
from tests.api.service import open_client


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """A service on loopback that needs no key."""
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        home=tmp_path,
        openai_model="gpt-4o-mini",
        queue_name=f"test:{tmp_path.name}",
        body_cap_bytes=100_000,
    )


@pytest_asyncio.fixture
async def client(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; `sessions` is the clean database beneath it."""
    async with open_client(create_app(settings)) as client:
        yield client
