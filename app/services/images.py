"""Pictures of a dataset as bytes: read by image id, each stored once by its content, and as a client sees them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.errors import NotFoundError
from app.ids import encode_id
from app.resources import Resources
from app.store.images import MissingImage, find_images
from app.store.models import Image

PAGE_IMAGES = 500


def image_path(sha256: str) -> str:
    """Where the bytes of a picture are in storage."""
    return f"images/{sha256[:2]}/{sha256}"


def thumbnail_path(sha256: str, side: int) -> str:
    """Where the small copy of a picture is in storage, once it was asked for."""
    return f"thumbnails/{side}/{sha256[:2]}/{sha256}"


async def open_images(
    resources: Resources, dataset_id: int, image_ids: Sequence[str]
) -> AsyncIterator[tuple[str, bytes | None]]:
    """Each image id with its picture's bytes in the order given, one in memory at a time; None where there is none.

    The bytes are PNG, JPEG or WebP without metadata; `resources.pictures` makes squares or small copies of them.
    """
    for first in range(0, len(image_ids), PAGE_IMAGES):
        page = image_ids[first : first + PAGE_IMAGES]
        async with resources.sessions() as session:
            places = await find_images(session, dataset_id, page)
        for image_id in page:
            place = places.get(image_id)
            yield image_id, None if place is None else await resources.blobs.fetch(image_path(place.sha256))


async def read_image(resources: Resources, dataset_id: int, image_id: str) -> bytes:
    """The bytes of one picture, as `open_images` gives them; raises NotFoundError."""
    async for _, data in open_images(resources, dataset_id, [image_id]):
        if data is not None:
            return data
    raise NotFoundError("image", image_id)


async def read_thumbnail(resources: Resources, sha256: str, side: int) -> bytes:
    """A small JPEG of a picture, made when it is first asked for; raises FileNotFoundError, PictureError."""
    path = thumbnail_path(sha256, side)
    try:
        return await resources.blobs.fetch(path)
    except FileNotFoundError:
        small = await resources.pictures.shrink(await resources.blobs.fetch(image_path(sha256)), side)
        await resources.blobs.put(path, small)
        return small


def describe_image(row: Image) -> dict[str, Any]:
    """The picture as a client sees it."""
    public_id = encode_id("image", row.id)
    return {
        "id": public_id,
        "object": "image",
        "dataset_id": encode_id("dataset", row.dataset_id),
        "image_id": row.image_id,
        "media_type": row.media_type,
        "width": row.width,
        "height": row.height,
        "bytes": row.size,
        "sha256": row.sha256,
        "source": row.source,
        "url": f"/v1/images/{public_id}",
        "created_at": row.created_at,
    }


def describe_missing(row: MissingImage) -> dict[str, Any]:
    """An image id without a picture, and the item that names it."""
    return {
        "object": "missing_image",
        "image_id": row.image_id,
        "item_id": encode_id("item", row.item_id),
        "source_id": row.source_id,
    }
