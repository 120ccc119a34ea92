"""Rows of pictures: which image ids of a dataset have one, and where its bytes are."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.store.models import Image

PAGE_ROWS = 1000

_NAMED = text("SELECT image_id, sha256, media_type FROM image WHERE dataset_id = :dataset_id AND image_id = ANY(:ids)")
_ANY = text("SELECT EXISTS (SELECT 1 FROM image WHERE dataset_id = :dataset_id)")
_BEYOND = text(
    """
    SELECT image_id, sha256, media_type FROM image WHERE dataset_id = :dataset_id AND image_id > :after
    ORDER BY image_id LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """A picture of a dataset: its image id, and the sha256 and media type of its bytes in storage."""

    image_id: str
    sha256: str
    media_type: str


async def find_images(session: AsyncSession, dataset_id: int, image_ids: Sequence[str]) -> dict[str, ImagePlace]:
    """The pictures of a dataset among these image ids, by image id."""
    values = {"dataset_id": dataset_id, "ids": list(image_ids)}
    return {row.image_id: ImagePlace(*row) for row in await session.execute(_NAMED, values)}


async def stream_images(session: AsyncSession, dataset_id: int) -> AsyncIterator[ImagePlace]:
    """All pictures of a dataset in the order of their image ids, a page at a time."""
    after = ""
    while True:
        values = {"dataset_id": dataset_id, "after": after, "limit": PAGE_ROWS}
        rows = (await session.execute(_BEYOND, values)).all()
        for row in rows:
            yield ImagePlace(*row)
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1].image_id


async def has_images(session: AsyncSession, dataset_id: int) -> bool:
    """Whether any picture of the dataset was uploaded."""
    return bool((await session.execute(_ANY, {"dataset_id": dataset_id})).scalar_one())


async def get_image(session: AsyncSession, number: int) -> Image:
    """The picture; raises NotFoundError."""
    image = await session.get(Image, number)
    if image is None:
        raise NotFoundError("image", encode_id("image", number))
    return image
