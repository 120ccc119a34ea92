"""Pictures of datasets, small and each of its own colour."""

from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image

from app.resources import Resources
from app.services.images import image_path
from app.store import models
from app.store.session import Sessions

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


def draw_picture(number: int, media_type: str = "image/png", size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture of one colour that belongs to the number."""
    output = BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, 128)
    Image.new("RGB", size, colour).save(output, FORMATS[media_type])
    return output.getvalue()


async def add_picture(
    resources: Resources, sessions: Sessions, dataset_id: int, image_id: str, data: bytes, media_type: str = "image/png"
) -> None:
    """Store a picture as an upload does."""
    digest = sha256(data).hexdigest()
    await resources.blobs.put(image_path(digest), data)
    async with sessions.begin() as session:
        row: dict[str, Any] = {
            "dataset_id": dataset_id,
            "image_id": image_id,
            "sha256": digest,
            "media_type": media_type,
        }
        session.add(models.Image(**row, width=40, height=30, size=len(data), source="test"))
