"""What a file has to offer as pictures: one, the entries of an archive, frames of a video, rows of a table."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from app.errors import AppError
from app.pictures.desk import PictureDesk
from app.pictures.sniffing import HEAD_BYTES, Sniffed, sniff
from app.pictures.values import CutEnd, CutPlan, Picture, PictureError
from app.services.archives.base64_members import decode_base64, read_base64_members
from app.services.archives.entries import (
    ArchiveCaps,
    BrokenArchiveError,
    Entry,
    EntryError,
    Tally,
    check_name,
    is_junk,
    show_name,
)
from app.services.archives.tars import read_tar
from app.services.archives.zips import read_zip
from app.services.uploads import BLOCK_BYTES, Caps, Spool, incoming_folder
from app.settings import Settings
from datasets.registry import KindInfo

_ARCHIVE_KINDS = frozenset({"zip", "tar", "gzip", "other_archive"})

Item = TypeVar("Item")

_NO_PICTURE = "This is no picture, video or archive that is read here; send PNG, JPEG, WebP, GIF, BMP, TIFF, or a zip."


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file on this machine; `name` is what it is called by whoever sent it, `image_id` the id it is to have."""

    path: Path
    name: str
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that may become a picture, or why it cannot.

    name: for the report; image_id: None asks the kind, by name; data: the file, not decoded yet; picture: decoded
    is_whole_file: what failed is not one picture but the rest of an upload
    """

    name: str
    image_id: str | None = None
    data: bytes = b""
    picture: Picture | None = None
    error: EntryError | None = None
    is_frame: bool = False
    is_whole_file: bool = False
    is_junk: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """How files are read: by whom they are decoded, how videos are cut, and who names frames."""

    desk: PictureDesk
    settings: Settings
    plan: CutPlan
    kind: KindInfo

    async def read(self, file: MediaFile) -> AsyncGenerator[Offer]:
        """What a file offers, in order. What goes wrong is an offer with its error."""
        size = (await asyncio.to_thread(file.path.stat)).st_size
        head = await asyncio.to_thread(_read_head, file.path)
        try:
            check_name(file.name)
            async with aclosing(self._open(file, sniff(head), size)) as offers:
                async for offer in offers:
                    yield offer
        except EntryError as error:
            yield Offer(file.name, error=error)
        except BrokenArchiveError as error:
            yield Offer(file.name, error=EntryError(error.code, error.message), is_whole_file=True)

    async def _open(self, file: MediaFile, sniffed: Sniffed, size: int) -> AsyncGenerator[Offer]:
        inner = self._choose(file, sniffed, size)
        if inner is not None:
            async with aclosing(inner):
                async for offer in inner:
                    yield offer
        elif sniffed.kind == "picture":
            yield await self._read_picture(file, size)
        elif sniffed.kind == "gzip":
            async for offer in self._unpack(file):
                yield offer
        elif sniffed.kind in _ARCHIVE_KINDS:
            error = EntryError("unsupported_archive", "Of archives, zip, tar and tar.gz are read; pack it so.")
            yield Offer(file.name, error=error, is_whole_file=True)
        else:
            yield Offer(file.name, error=EntryError("unknown_format", _NO_PICTURE), is_junk=is_junk(file.name))

    def _choose(self, file: MediaFile, sniffed: Sniffed, size: int) -> AsyncGenerator[Offer] | None:
        """The reader of a file that holds many pictures; None for any other."""
        if sniffed.kind == "video":
            return self._cut(file.path, file.name, sniffed)
        if sniffed.kind in {"zip", "tar"}:
            return self._read_archive(file, sniffed.kind, size)
        if sniffed.kind == "json":
            return _run_apart(_read_members(file.path, self.settings.picture_cap_bytes))
        return self._read_table(file) if sniffed.kind == "parquet" else None

    async def _read_picture(self, file: MediaFile, size: int) -> Offer:
        if size > self.settings.picture_cap_bytes:
            return Offer(file.name, error=_too_many_bytes(self.settings))
        data = await asyncio.to_thread(file.path.read_bytes)
        return Offer(file.name, file.image_id, data, is_junk=is_junk(file.name))

    async def _unpack(self, file: MediaFile) -> AsyncGenerator[Offer]:
        """What a gzip holds; an upload over HTTP was unpacked as it came."""
        try:
            spool = await asyncio.to_thread(_gunzip, file.path, self.settings)
        except AppError as error:
            yield Offer(file.name, error=EntryError(error.code, error.detail), is_whole_file=True)
            return
        with spool:
            inner = MediaFile(spool.path, file.name.removesuffix(".gz"), file.image_id)
            sniffed = sniff(await asyncio.to_thread(_read_head, inner.path))
            if sniffed.kind == "gzip":
                twice = EntryError("nested_archive", "A gzip within a gzip is not read; pack once.")
                yield Offer(file.name, error=twice, is_whole_file=True)
                return
            async for offer in self._open(inner, sniffed, spool.bytes):
                yield offer

    async def _cut(self, path: Path, name: str, sniffed: Sniffed) -> AsyncGenerator[Offer]:
        """The frames of a video, each with the id the kind gives it."""
        stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        try:
            async with aclosing(self.desk.cut(path, sniffed.demuxer or "", self.plan)) as frames:
                async for frame in frames:
                    if isinstance(frame, CutEnd):
                        fault = _judge_end(frame)
                        if fault is not None:
                            yield Offer(name, error=fault)
                        return
                    label = f"{name}#{frame.number}"
                    error = None if frame.error is None else EntryError(frame.error.code, frame.error.message)
                    image_id = self.kind.cls.frame_id_of(stem, frame.number)
                    yield Offer(label, image_id, picture=frame.picture, error=error, is_frame=True)
        except PictureError as error:
            yield Offer(name, error=EntryError(error.code, error.message))

    async def _read_archive(self, file: MediaFile, kind: str, size: int) -> AsyncGenerator[Offer]:
        async with aclosing(_run_apart(self._walk(file.path, kind, size))) as found:
            async for item in found:
                if isinstance(item, Offer):
                    yield item
                    continue
                name, sniffed, spool = item
                with spool:
                    async for offer in self._cut(spool.path, name, sniffed):
                        yield offer

    def _walk(self, path: Path, kind: str, size: int) -> Generator["Offer | tuple[str, Sniffed, Spool]"]:
        """The entries of an archive: pictures as bytes, videos as files that the caller removes."""
        settings = self.settings
        caps = ArchiveCaps(settings.archive_cap_entries, settings.upload_cap_bytes, settings.gzip_ratio_cap)
        tally = Tally(caps, size)
        with path.open("rb") as file:
            for entry in _list_entries(file, kind, size, tally, caps.ratio):
                yield self._take_entry(entry)

    def _take_entry(self, entry: Entry) -> "Offer | tuple[str, Sniffed, Spool]":
        if entry.error is not None:
            return Offer(entry.name, error=entry.error)
        sniffed = sniff(entry.head)
        if sniffed.kind == "video":
            try:
                return entry.name, sniffed, _unpack_video(entry, self.settings)
            except EntryError as error:
                return Offer(entry.name, error=error)
        if sniffed.kind in _ARCHIVE_KINDS:
            return Offer(
                entry.name, error=EntryError("nested_archive", "Send an archive that lies in another by itself.")
            )
        if sniffed.kind != "picture":
            return Offer(entry.name, error=EntryError("unknown_format", _NO_PICTURE), is_junk=is_junk(entry.name))
        try:
            data = _join(entry.chunks, self.settings)
        except EntryError as error:
            return Offer(entry.name, error=error)
        return Offer(entry.name, data=data, is_junk=is_junk(entry.name))

    async def _read_table(self, file: MediaFile) -> AsyncGenerator[Offer]:
        try:
            async with aclosing(self.desk.read_table(file.path)) as rows:
                async for row in rows:
                    if row.error is not None:
                        yield Offer(show_name(row.name), error=EntryError(row.error.code, row.error.message))
                        continue
                    yield _decode_row(row.name, row.text)
        except PictureError as error:
            yield Offer(file.name, error=EntryError(error.code, error.message), is_whole_file=True)


def _list_entries(file: BinaryIO, kind: str, size: int, tally: Tally, ratio: int) -> Iterator[Entry]:
    return read_zip(file, size, tally, ratio) if kind == "zip" else read_tar(file, size, tally)


def _read_members(path: Path, cap_bytes: int) -> Generator[Offer]:
    with path.open("rb") as file:
        for member in read_base64_members(file, cap_bytes):
            yield Offer(member.name, member.name, member.data, error=member.error)


def _decode_row(name: str, text: bytes) -> Offer:
    try:
        return Offer(name, name, decode_base64(text))
    except EntryError as error:
        return Offer(show_name(name), error=error)


def _gunzip(path: Path, settings: Settings) -> Spool:
    """A file that its taker removes; raises the AppErrors of Spool."""
    spool = Spool(incoming_folder(settings), Caps.of(settings))
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                spool.feed(block)
        spool.finish()
    except BaseException:
        spool.__exit__()
        raise
    return spool


def _unpack_video(entry: Entry, settings: Settings) -> Spool:
    """A video needs a file that can be read back and forth."""
    spool = Spool(incoming_folder(settings), Caps.of(settings))
    try:
        for chunk in entry.chunks:
            spool.feed(chunk)
        spool.finish()
    except AppError as error:
        spool.__exit__()
        raise EntryError(error.code, error.detail) from error
    except BaseException:
        spool.__exit__()
        raise
    return spool


def _join(chunks: Iterator[bytes], settings: Settings) -> bytes:
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > settings.picture_cap_bytes:
            raise _too_many_bytes(settings)
    return b"".join(parts)


def _judge_end(end: CutEnd) -> EntryError | None:
    """What is to be said of a video whose frames are there as far as they go."""
    if end.is_cut_off:
        message = f"Only {end.seconds:g} of {end.declared_seconds:g} s can be decoded; send the video whole."
        return EntryError("truncated", message)
    if end.decode_errors:
        return EntryError("decode_errors", f"{end.decode_errors:,} packets of the video could not be decoded.")
    if end.is_capped:
        return EntryError("too_many_frames", "The video has more frames than are cut; ask for fewer per second.")
    return None


def _too_many_bytes(settings: Settings) -> EntryError:
    return EntryError("too_many_bytes", f"A picture has at most {settings.picture_cap_bytes:,} bytes.")


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


async def _run_apart(items: Generator[Item]) -> AsyncGenerator[Item]:
    """Walk a generator that reads files in a thread."""
    reading: asyncio.Future[Item | None] | None = None
    try:
        while True:
            reading = asyncio.ensure_future(asyncio.to_thread(next, items, None))
            item = await asyncio.shield(reading)
            if item is None:
                return
            yield item
    finally:
        if reading is not None:
            await asyncio.wait({reading})  # a generator that runs cannot be closed
        items.close()
