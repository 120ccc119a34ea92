"""Pictures put into lines of JSON: what OpenAI's fine-tuning reads has them as data URLs."""

from base64 import b64encode
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson

from app.pictures.values import PictureError
from app.services.exporting.making import Making
from app.services.exporting.parquet import split_lines
from app.services.images import image_path
from app.store.images import find_images

MAX_SIDE = 768
KEPT_URLS = 64


async def inline_pictures(making: Making, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same lines with a data URL (a JPEG, no side above MAX_SIDE) in place of each image id.

    An id without a picture stays, and the certificate will say so.
    """
    urls: OrderedDict[str, str] = OrderedDict()
    async for line in split_lines(chunks):
        talk = orjson.loads(line)
        parts = [part for turn in talk["messages"] for part in _list_images(turn["content"])]
        for part in parts:
            part["url"] = await _find_url(making, urls, part["url"])
        yield orjson.dumps(talk) + b"\n"


def _list_images(content: Any) -> list[dict[str, str]]:
    if isinstance(content, str):
        return []
    return [part["image_url"] for part in content if part["type"] == "image_url"]


async def _find_url(making: Making, urls: OrderedDict[str, str], image_id: str) -> str:
    """Neighbouring lines mostly show the same pictures: a few are remembered."""
    if image_id not in urls:
        urls[image_id] = await _make_url(making, image_id)
        if len(urls) > KEPT_URLS:
            urls.popitem(last=False)
    urls.move_to_end(image_id)
    return urls[image_id]


async def _make_url(making: Making, image_id: str) -> str:
    resources = making.resources
    async with resources.sessions() as session:
        place = (await find_images(session, making.dataset.id, [image_id])).get(image_id)
    if place is None:
        return image_id
    try:
        data = await resources.pictures.shrink(await resources.blobs.fetch(image_path(place.sha256)), MAX_SIDE)
    except (PictureError, FileNotFoundError):
        return image_id
    return f"data:image/jpeg;base64,{b64encode(data).decode()}"
