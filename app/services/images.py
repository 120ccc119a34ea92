"""Pictures of a dataset as bytes: read by image id, each stored once by its content."""

from collections.abc import AsyncIterator, Sequence

from app.errors import NotFoundError
from app.resources import Resources
from app.store.images import find_images

PAGE_IMAGES = 500


def image_path(sha256: str) -> str:
    """Where the bytes of a picture are in storage."""
    return f"images/{sha256[:2]}/{sha256}"


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
