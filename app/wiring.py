"""The one place where engines, pools and clients open and close."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.blobs import open_blobs
from app.pictures.desk import PictureDesk
from app.pictures.values import PictureLimits
from app.queue import Queue
from app.resources import Resources
from app.settings import Settings
from app.store.session import make_engine, make_sessions
from datasets.registry import searching_too


@asynccontextmanager
async def open_resources(
    settings: Settings, *, pool_size: int = 10, longest_pause_s: float | None = None
) -> AsyncIterator[Resources]:
    """Open what the settings name; `database_url` and `redis_url` must be known by now. See `make_engine`."""
    if not settings.database_url or not settings.redis_url:
        raise ValueError("database_url and redis_url must be resolved before resources are opened")
    engine = make_engine(settings.database_url, pool_size=pool_size, longest_pause_s=longest_pause_s)
    queue = Queue(settings.redis_url, settings.queue_name)
    blobs = open_blobs(settings.storage_url or str(settings.home / "blobs"))
    pictures = PictureDesk(limit_pictures(settings))
    folders = [folder for folder in settings.dataset_folders.split(os.pathsep) if folder]
    try:
        with searching_too(folders):
            yield Resources(settings, make_sessions(engine), queue, blobs, pictures)
    finally:
        await pictures.close()
        await queue.close()
        await engine.dispose()


def limit_pictures(settings: Settings) -> PictureLimits:
    """What the settings let a picture cost."""
    return PictureLimits(
        processes=settings.picture_processes,
        picture_bytes=settings.picture_cap_bytes,
        pixels=settings.picture_cap_pixels,
        memory_bytes=settings.picture_memory_bytes,
    )
