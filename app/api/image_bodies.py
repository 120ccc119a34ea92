"""Receives pictures: one file as the body, or several in a form, each in a temporary file of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from fastapi import Request

from app.api.forms import FormReader
from app.api.problems import name_near_matches
from app.api.uploads import check_encoding, reading_body
from app.errors import Fault, InvalidRequestError, InvalidUploadError, TooLargeError
from app.pictures.sniffing import HEAD_BYTES, sniff
from app.pictures.values import CutPlan
from app.services.image_sources import MediaFile
from app.services.uploads import BLOCK_BYTES, Caps, Spool, incoming_folder, spool_chunks
from app.settings import Settings

FASTEST_FPS = 60.0
MOST_FRAMES = 10_000

_FIELDS = ("fps", "frames", "replace", "name", "image_id")
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class ImageAsk:
    """What was asked for: the name or image id of a single file, how videos are cut, whether pictures are replaced."""

    name: str | None = None
    image_id: str | None = None
    fps: float | None = None
    frames: int | None = None
    replace: bool = False

    def plan(self, settings: Settings) -> CutPlan:
        """How videos are cut."""
        return CutPlan(1.0 if self.fps is None else self.fps, self.frames, settings.video_cap_frames)


@dataclass(frozen=True, slots=True)
class ImageUpload:
    """The files that came, and a fingerprint of them and of what was asked for."""

    ask: ImageAsk
    files: list[MediaFile]
    fingerprint: str


@asynccontextmanager
async def receive_images(request: Request, ask: ImageAsk, settings: Settings) -> AsyncIterator[ImageUpload]:
    """The whole upload in temporary files that are gone after the block.

    Raises TooLargeError, UnsupportedMediaError, InvalidUploadError, InvalidRequestError.
    """
    check_ask(ask)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_encoded = check_encoding(request, media_type, settings)
    with ExitStack() as stack:
        async with reading_body(request) as stream:
            if media_type == "multipart/form-data":
                form = FormReader(request.headers["content-type"], settings.form_cap_files)
                files, digests = await _spool_form(stack, form, stream, settings)
                ask = _merge(ask, form.fields)
            else:
                spool = stack.enter_context(_make_spool(settings, is_encoded=is_encoded))
                await spool_chunks(spool, stream)
                files, digests = [await asyncio.to_thread(_name_single, spool, ask)], [spool.sha256]
        asked = [ask.name, ask.image_id, ask.fps, ask.frames, ask.replace, [file.name for file in files], digests]
        yield ImageUpload(ask, files, sha256(orjson.dumps(asked)).hexdigest())


def check_ask(ask: ImageAsk) -> None:
    """Raises InvalidRequestError for a plan that cannot be carried out."""
    faults = []
    if ask.fps is not None and ask.frames is not None:
        faults.append(Fault("frames", "two_plans", "Ask for frames per second (fps) or a number of frames, not both."))
    if ask.fps is not None and not 0.001 <= ask.fps <= FASTEST_FPS:
        faults.append(Fault("fps", "out_of_range", f"fps lies between 0.001 and {FASTEST_FPS:g}."))
    if ask.frames is not None and not 1 <= ask.frames <= MOST_FRAMES:
        faults.append(Fault("frames", "out_of_range", f"frames lies between 1 and {MOST_FRAMES:,}."))
    if faults:
        raise InvalidRequestError("The upload's parameters are not valid.", errors=faults)


async def _spool_form(
    stack: ExitStack, form: FormReader, stream: AsyncIterator[bytes], settings: Settings
) -> tuple[list[MediaFile], list[str]]:
    """Each file of a form in a temporary file of its own, all of them together within the cap of an upload."""
    spools: list[tuple[Spool, str]] = []
    held = bytearray()
    received = 0
    async for number, name, data in form.read_files(stream):
        if number > len(spools):
            await _end_file(spools, held)
            spools.append((stack.enter_context(_make_spool(settings)), name))
        held += data
        received += len(data)
        if received > settings.upload_cap_bytes:
            raise TooLargeError(f"An upload holds at most {settings.upload_cap_bytes:,} bytes; split the form.")
        if len(held) >= BLOCK_BYTES:
            await asyncio.to_thread(spools[-1][0].feed, bytes(held))
            held.clear()
    await _end_file(spools, held)
    files = [MediaFile(spool.path, name or f"file {number}") for number, (spool, name) in enumerate(spools, 1)]
    return files, [spool.sha256 for spool, _ in spools]


async def _end_file(spools: list[tuple[Spool, str]], held: bytearray) -> None:
    if not spools:
        return
    spool = spools[-1][0]
    if held:
        await asyncio.to_thread(spool.feed, bytes(held))
        held.clear()
    try:
        await asyncio.to_thread(spool.finish)
    except InvalidUploadError as error:
        if error.code != "empty_body":  # an empty file among others is refused by itself
            raise


def _make_spool(settings: Settings, *, is_encoded: bool = False) -> Spool:
    return Spool(incoming_folder(settings), Caps.of(settings), is_encoded=is_encoded)


def _name_single(spool: Spool, ask: ImageAsk) -> MediaFile:
    """A body has no name of its own: a picture or video needs one, an archive holds its names."""
    with spool.path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES)).kind
    if ask.image_id is not None and kind != "picture":
        message = (
            "An image_id is for a single picture; pictures in archives and frames of videos are named by the kind."
        )
        fault = Fault("image_id", "not_a_picture", message)
        raise InvalidRequestError("The body is no single picture.", errors=[fault])
    if kind in {"picture", "video"} and not (ask.name or ask.image_id):
        mend = "Say ?name=00076_1.png, or ?image_id= for a picture, or end the address with the name (`curl -T` does)."
        raise InvalidRequestError("The file has no name.", errors=[Fault("name", "missing", mend)])
    return MediaFile(spool.path, ask.name or ask.image_id or "upload", ask.image_id)


def _merge(ask: ImageAsk, fields: dict[str, str]) -> ImageAsk:
    """The ask with what a form's fields say. Raises InvalidRequestError."""
    readers: dict[str, Callable[[str], Any]] = {
        "fps": float,
        "frames": int,
        "replace": lambda text: _TRUTHS[text.lower()],
    }
    values: dict[str, Any] = {"fps": ask.fps, "frames": ask.frames, "replace": ask.replace}
    faults = []
    for name, value in fields.items():
        if name not in values:
            known = name_near_matches(name, _FIELDS[:3])
            faults.append(Fault(name, "unknown_field", f"A form has no field {name!r} here. {known}"))
            continue
        try:
            values[name] = readers[name](value)
        except (ValueError, KeyError):
            faults.append(Fault(name, "wrong_type", "fps is a number, frames a whole one, replace true or false."))
    if faults:
        raise InvalidRequestError("The form's fields are not valid.", errors=faults)
    merged = ImageAsk(fps=values["fps"], frames=values["frames"], replace=values["replace"])
    check_ask(merged)
    return merged
