"""The house that the tutorial walks through."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.house import House, open_house


@pytest_asyncio.fixture
async def house(database_url: str, clean_database: None, redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, tmp_path) as house:
        yield house
