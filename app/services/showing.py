"""Showing pictures to the model: as bytes inside the request, or by a signed address that soon expires."""

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256

from app.clock import utc_now
from app.errors import NotFoundError
from app.pictures.values import PictureError
from app.pipeline.seeing import MAX_SIDE, MIN_SIDE, Vision, choose_images
from app.resources import Resources
from app.services.images import image_path
from app.settings import Settings
from app.store.images import ImagePlace, find_images

_DIGEST_CHARACTERS = 43


class UnseenError(Exception):
    """An item whose pictures cannot be shown: nothing is asked about it. `code` goes into its state."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to fetch one picture: which, how large in pixels, until when (seconds since 1970)."""

    sha256: str
    side: int
    expires: int

    def seal(self, key: str) -> str:
        """The ticket as the last part of an address; `open_ticket` reads it."""
        text = f"{self.sha256}.{self.side}.{self.expires}"
        return f"{text}.{_sign(text, key)}"


def open_ticket(sealed: str, settings: Settings) -> Ticket:
    """The ticket of an address; raises NotFoundError for one that was changed, has expired, or was never given out."""
    text, _, signature = sealed.rpartition(".")
    parts = text.split(".")
    is_ours = bool(settings.signing_key) and hmac.compare_digest(
        signature.encode(), _sign(text, settings.signing_key).encode()
    )
    if not is_ours or len(parts) != 3:
        raise NotFoundError("picture with the address", sealed)
    ticket = Ticket(parts[0], int(parts[1]), int(parts[2]))
    if ticket.expires < utc_now().timestamp():
        raise NotFoundError("picture any more with the address", sealed)
    return ticket


async def fetch_shown(resources: Resources, ticket: Ticket) -> bytes:
    """The picture of a ticket as JPEG; raises NotFoundError where it was removed meanwhile."""
    try:
        data = await resources.blobs.fetch(image_path(ticket.sha256))
    except FileNotFoundError as error:
        raise NotFoundError("picture any more with the sha256", ticket.sha256) from error
    return await resources.pictures.shrink(data, max(MIN_SIDE, min(MAX_SIDE, ticket.side)))


async def show_images(
    resources: Resources, vision: Vision, dataset_id: int, image_ids: tuple[str, ...]
) -> tuple[str, ...]:
    """An address for each picture to show of an item, in order: `data:` or `https:`. Raises UnseenError."""
    async with resources.sessions() as session:
        places = await find_images(session, dataset_id, image_ids)
    chosen, missed = choose_images(image_ids, list(places), vision.max_images)
    if missed is not None:
        detail = f"The image {missed!r} was not uploaded." if missed else "The annotation names no image."
        raise UnseenError("image_missing", detail)
    side = vision.side_for(len(chosen))
    if vision.images == "url":
        return tuple(_address(resources.settings, places[image_id], side) for image_id in chosen)
    return tuple([await _embed(resources, places[image_id], side) for image_id in chosen])


async def _embed(resources: Resources, place: ImagePlace, side: int) -> str:
    try:
        data = await resources.blobs.fetch(image_path(place.sha256))
        jpeg = await resources.pictures.shrink(data, side)
    except FileNotFoundError as error:
        raise UnseenError("image_missing", f"The bytes of {place.image_id!r} are not in storage.") from error
    except PictureError as error:
        raise UnseenError("image_undecodable", f"{place.image_id!r}: {error}") from error
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _address(settings: Settings, place: ImagePlace, side: int) -> str:
    expires = int(utc_now().timestamp()) + settings.shown_s
    sealed = Ticket(place.sha256, side, expires).seal(settings.signing_key)
    return f"{settings.public_url.rstrip('/')}/v1/shown/{sealed}"


def _sign(text: str, key: str) -> str:
    digest = hmac.digest(key.encode(), f"shown {text}".encode(), sha256)
    return base64.urlsafe_b64encode(digest).decode()[:_DIGEST_CHARACTERS]
