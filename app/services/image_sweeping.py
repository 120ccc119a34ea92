"""Removes pictures from storage that no row names any more, without taking one that an upload just brought again."""

import logging

from app.resources import Resources
from app.services.images import image_path, thumbnail_path
from app.store.images import find_named, forget_orphans, list_orphans

THUMBNAIL_SIDES = (128, 256)
PAGE_ORPHANS = 200

log = logging.getLogger("syphus.images")


async def sweep_orphans(resources: Resources) -> int:
    """Sweep until nothing is left to sweep; returns how many contents went. May run twice at a time."""
    swept = 0
    while True:
        async with resources.sessions() as session:
            page = await list_orphans(session, PAGE_ORPHANS)
            named = await find_named(session, page)
        if not page:
            break
        for sha256 in page:
            if sha256 not in named:
                swept += await _sweep(resources, sha256)
        async with resources.sessions.begin() as session:
            await forget_orphans(session, page)
    if swept:
        log.info("images_swept", extra={"count": swept})
    return swept


async def _sweep(resources: Resources, sha256: str) -> bool:
    """Set the bytes aside, look once more whether a row names them, and put them back or remove them.

    An upload looks for its bytes after its rows are there: between the two, one of them always sees the other.
    """
    path, aside = image_path(sha256), f"swept/{sha256}"
    blobs = resources.blobs
    try:
        await blobs.move(path, aside)
    except FileNotFoundError:
        return False
    async with resources.sessions() as session:
        is_named = bool(await find_named(session, [sha256]))
    if is_named:
        await blobs.move(aside, path)
        return False
    for unused in (aside, *(thumbnail_path(sha256, side) for side in THUMBNAIL_SIDES)):
        if await blobs.has(unused):
            await blobs.delete(unused)
    return True
