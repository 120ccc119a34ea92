"""A job with pairs and translations to review, and a client of the real application."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.settings import Settings, load_settings
from app.store.session import Sessions
from tests.api.service import open_client
from tests.review.desk import ReviewJob, add_review_job


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """A service on loopback that needs no key."""
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        home=tmp_path,
        openai_model="gpt-4o-mini",
        queue_name=f"test:{tmp_path.name}",
    )


@pytest_asyncio.fixture
async def client(settings: Settings, sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; `sessions` is the clean database beneath it."""
    async with open_client(create_app(settings), "http://127.0.0.1:8000/v1") as client:
        yield client


@pytest_asyncio.fixture
async def job(sessions: Sessions) -> ReviewJob:
    """Three items with two pairs each, translated into zh and fr."""
    return await add_review_job(sessions)
