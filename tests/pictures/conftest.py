"""A desk with its processes."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.pictures.desk import PictureDesk


@pytest_asyncio.fixture(scope="session")
async def desk() -> AsyncIterator[PictureDesk]:
    desk = PictureDesk()
    yield desk
    await desk.close()
