"""Takes pictures into a dataset: decoded, stored once by content, rows in batches; what was stored stays."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.errors import ConflictError
from app.ids import encode_id
from app.pictures.values import CutPlan, Picture, PictureError
from app.resources import Resources
from app.services.archives.entries import EntryError, show_name
from app.services.image_links import Links, hold_dataset, link_images
from app.services.image_sources import MediaFile, Offer, Reader
from app.services.images import image_path
from app.services.kinds import kind_of
from app.store.images import (
    NewImage,
    add_images,
    find_images,
    find_named,
    list_missing,
    list_surplus,
    replace_images,
)
from datasets.abstract_dataset import MAX_ID_LENGTH
from datasets.registry import KindInfo

REFUSED_SHOWN = 1_000
IDS_SHOWN = 100
BATCH_PICTURES = 64
BATCH_BYTES = 32 << 20
PUTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """How pictures are taken in; `replace`: an image id that has another picture gets the new one."""

    dataset_id: int
    plan: CutPlan = field(default_factory=CutPlan)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture that was not taken: what it was called, why, and how to mend it."""

    name: str
    code: str
    message: str


@dataclass(slots=True)
class Report:
    """What became of an upload; `failures` are files that could not be read to their end."""

    stored: int = 0
    already_there: int = 0
    replaced: int = 0
    refused: int = 0
    ignored: int = 0
    frames: int = 0
    first_refused: list[Refusal] = field(default_factory=list)
    failures: list[Refusal] = field(default_factory=list)
    links: Links = field(default_factory=lambda: Links(0, 0, 0, 0))
    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)

    def refuse(self, name: str, code: str, message: str) -> None:
        self.refused += 1
        if len(self.first_refused) < REFUSED_SHOWN:
            self.first_refused.append(Refusal(show_name(name), code, message))


@dataclass(frozen=True, slots=True)
class _Taken:
    """A picture that was decoded, with its image id and the sha256 of its bytes."""

    image_id: str
    sha256: str
    picture: Picture
    offer: Offer


async def take_images(resources: Resources, request: ImageRequest, files: Iterable[MediaFile]) -> Report:
    """Take in every picture of the files, a batch at a time, and say what became of them.

    Raises NotFoundError for the dataset, ConflictError where it is deleted meanwhile.
    """
    async with resources.sessions.begin() as session:
        kind = kind_of((await hold_dataset(session, request.dataset_id)).kind)
    report = Report()
    reader = Reader(resources.pictures, resources.settings, request.plan, kind)
    async with aclosing(_batch(reader, files)) as batches:
        async for batch in batches:
            taken = await _decode(resources, kind, batch, report)
            if taken:
                await _store(resources, request, taken, report)
    await _conclude(resources, request.dataset_id, report)
    return report


def describe_report(report: Report, dataset_id: int) -> dict[str, Any]:
    """The report as a client sees it."""
    links = report.links
    return {
        "object": "images.report",
        "dataset_id": encode_id("dataset", dataset_id),
        "counts": {
            "stored": report.stored,
            "already_there": report.already_there,
            "replaced": report.replaced,
            "refused": report.refused,
            "ignored": report.ignored,
            "frames": report.frames,
        },
        "refused": [_describe_refusal(refusal) for refusal in report.first_refused],
        "failures": [_describe_refusal(refusal) for refusal in report.failures],
        "missing": {"count": links.missing, "first": report.missing},
        "surplus": {"count": links.surplus, "first": report.surplus},
        "items_without_images": links.lonely_items,
    }


def _describe_refusal(refusal: Refusal) -> dict[str, str]:
    return {"name": refusal.name, "code": refusal.code, "message": refusal.message}


async def _batch(reader: Reader, files: Iterable[MediaFile]) -> AsyncGenerator[list[Offer]]:
    held: list[Offer] = []
    held_bytes = 0
    for file in files:
        async with aclosing(reader.read(file)) as offers:
            async for offer in offers:
                held.append(offer)
                held_bytes += len(offer.data) + (len(offer.picture.data) if offer.picture is not None else 0)
                if len(held) >= BATCH_PICTURES or held_bytes >= BATCH_BYTES:
                    yield held
                    held, held_bytes = [], 0
    if held:
        yield held


async def _decode(resources: Resources, kind: KindInfo, batch: list[Offer], report: Report) -> list[_Taken]:
    """The pictures of a batch, each image id once, in order."""
    named: list[tuple[str, Offer]] = []
    for offer in batch:
        image_id = _name(kind, offer, report)
        if image_id is not None:
            named.append((image_id, offer))
    outcomes = await asyncio.gather(*(_inspect(resources, offer) for _, offer in named))
    taken: dict[str, _Taken] = {}
    for (image_id, offer), outcome in zip(named, outcomes, strict=True):
        if isinstance(outcome, PictureError):
            report.refuse(offer.name, outcome.code, outcome.message)
            continue
        found = _Taken(image_id, hashlib.sha256(outcome.data).hexdigest(), outcome, offer)
        first = taken.setdefault(image_id, found)
        if first is not found:
            _note_twin(first, found, report)
    return list(taken.values())


def _note_twin(first: _Taken, second: _Taken, report: Report) -> None:
    if first.sha256 == second.sha256:
        report.already_there += 1
    else:
        report.refuse(second.offer.name, *_explain_taken(second.image_id))


def _name(kind: KindInfo, offer: Offer, report: Report) -> str | None:
    """The image id of an offer; None where there is nothing to take, which is noted."""
    if offer.error is not None:
        _note_error(offer, offer.error, report)
        return None
    image_id = offer.image_id
    if image_id is None:
        image_id = None if offer.is_junk else kind.cls.image_id_of(offer.name)
    if image_id is None:
        report.ignored += 1
        return None
    if not 0 < len(image_id) <= MAX_ID_LENGTH or not image_id.isprintable():
        message = f"{show_name(image_id)!r} cannot be an image id: 1 to {MAX_ID_LENGTH} printable characters."
        report.refuse(offer.name, "invalid_name", message)
        return None
    return image_id


def _note_error(offer: Offer, error: EntryError, report: Report) -> None:
    if offer.is_junk:
        report.ignored += 1
    elif offer.is_whole_file:
        report.failures.append(Refusal(show_name(offer.name), error.code, error.message))
    else:
        report.refuse(offer.name, error.code, error.message)


async def _inspect(resources: Resources, offer: Offer) -> Picture | PictureError:
    if offer.picture is not None:
        return offer.picture
    try:
        return await resources.pictures.inspect(offer.data)
    except PictureError as error:
        return error


async def _store(resources: Resources, request: ImageRequest, taken: list[_Taken], report: Report) -> None:
    """Bytes first, rows second, so that every row has its bytes; a sweep that came between is made good."""
    contents = {found.sha256: found.picture.data for found in taken}
    async with resources.sessions() as session:
        known = await find_named(session, list(contents))
    await _put(resources, {sha256: data for sha256, data in contents.items() if sha256 not in known})
    await _add_rows(resources, request, sorted(taken, key=lambda found: found.image_id), report)
    present = await _gather_limited(resources.blobs.has(image_path(sha256)) for sha256 in contents)
    await _put(resources, {sha256: contents[sha256] for sha256, has in zip(contents, present, strict=True) if not has})


async def _add_rows(resources: Resources, request: ImageRequest, taken: list[_Taken], report: Report) -> None:
    rows = {found.image_id: _make_row(found) for found in taken}
    try:
        async with resources.sessions.begin() as session:
            dataset = await hold_dataset(session, request.dataset_id)
            added = await add_images(session, request.dataset_id, list(rows.values()))
            rest = [image_id for image_id in rows if image_id not in added]
            there = await find_images(session, request.dataset_id, rest) if rest else {}
            other = [rows[image_id] for image_id, place in there.items() if place.sha256 != rows[image_id].sha256]
            if other and request.replace:
                await replace_images(session, request.dataset_id, other)
            dataset.images_uploaded += len(added)
            await session.flush()
    except IntegrityError as error:
        raise ConflictError("The dataset was deleted while pictures were on their way to it.") from error
    report.stored += len(added)
    report.frames += sum(found.offer.is_frame for found in taken if found.image_id in added)
    report.already_there += len(rest) - len(other)
    if request.replace:
        report.replaced += len(other)
        return
    for row in other:
        report.refuse(row.source, *_explain_taken(row.image_id))


def _explain_taken(image_id: str) -> tuple[str, str]:
    message = f"{image_id!r} has another picture already; name the file otherwise, or upload with replace=true."
    return "id_taken", message


def _make_row(found: _Taken) -> NewImage:
    picture = found.picture
    return NewImage(
        found.image_id,
        found.sha256,
        picture.media_type,
        picture.width,
        picture.height,
        len(picture.data),
        show_name(found.offer.name),
        picture.feature,
    )


async def _put(resources: Resources, contents: dict[str, bytes]) -> None:
    await _gather_limited(resources.blobs.put(image_path(sha256), data) for sha256, data in contents.items())


async def _gather_limited(steps: Iterable[Any]) -> list[Any]:
    places = asyncio.Semaphore(PUTS_AT_ONCE)

    async def run(step: Any) -> Any:
        async with places:
            return await step

    return await asyncio.gather(*(run(step) for step in steps))


async def _conclude(resources: Resources, dataset_id: int, report: Report) -> None:
    """Let items find their pictures, and tell what is missing or too much."""
    async with resources.sessions.begin() as session:
        report.links = await link_images(session, dataset_id)
    async with resources.sessions() as session:
        if report.links.missing:
            missing = await list_missing(session, dataset_id, None, IDS_SHOWN)
            report.missing = list(dict.fromkeys(row.image_id for row in missing))
        if report.links.surplus:
            report.surplus = [row.image_id for row in await list_surplus(session, dataset_id, None, IDS_SHOWN)]
