"""Uploads on their way in: any size through a temporary file, unzipped, counted and capped as they arrive."""

import asyncio
import fcntl
import hashlib
import logging
import os
import secrets
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from app.clock import utc_now
from app.errors import Fault, InvalidUploadError, TooLargeError
from app.settings import Settings

BLOCK_BYTES = 1 << 20
RATIO_FLOOR_BYTES = 4 << 20  # below this a high ratio is a small repetitive file, no bomb
ORPHAN_AGE_S = 60.0

_GZIP_MAGIC = b"\x1f\x8b"

log = logging.getLogger("syphus.uploads")


@dataclass(frozen=True, slots=True)
class Caps:
    """Most bytes of an upload, packed and unpacked, and most unpacked bytes per packed one."""

    upload_bytes: int
    gzip_ratio: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.upload_cap_bytes, settings.gzip_ratio_cap)


def incoming_folder(settings: Settings) -> Path:
    """Where uploads wait to be read."""
    return settings.home.absolute() / "incoming"


def sweep_incoming(folder: Path) -> int:
    """Remove the files of processes that died; returns how many. Files of the living are locked and stay."""
    swept = 0
    for path in folder.glob("upload-*"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if utc_now().timestamp() - path.stat().st_mtime > ORPHAN_AGE_S:
                    path.unlink()
                    swept += 1
        except (BlockingIOError, FileNotFoundError):
            continue
    if swept:
        log.info("orphans_swept", extra={"count": swept})
    return swept


class Spool:
    """A body as a plain file: `path`, with `bytes` and `sha256` of the unpacked content.

    A context manager; leaving it removes the file, whatever happened.
    """

    def __init__(self, folder: Path, caps: Caps, *, is_encoded: bool = False) -> None:
        """is_encoded: the body was sent with Content-Encoding: gzip; files that are gzip are unpacked anyway."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"upload-{os.getpid()}-{secrets.token_hex(8)}"
        self.bytes = 0
        self._caps = caps
        self._received = 0
        self._is_packed = is_encoded
        self._digest = hashlib.sha256()
        self._file = self._create()
        inner = _Sniffer(self._write, self._note_packing)
        self._entry: _Gunzip | _Sniffer = _Gunzip(inner.feed, inner.finish) if is_encoded else inner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the body. Raises TooLargeError, InvalidUploadError."""
        self._received += len(block)
        if self._received > self._caps.upload_bytes:
            raise TooLargeError(f"An upload holds at most {self._caps.upload_bytes:,} bytes; split the file.")
        self._entry.feed(block)

    def finish(self) -> None:
        """The body has ended: everything is in the file. Raises InvalidUploadError for a gzip that was cut off."""
        self._entry.finish()
        self._file.flush()
        if self.bytes == 0:
            raise InvalidUploadError(
                "The body is empty.",
                code="empty_body",
                errors=[Fault("", "empty_body", "Send the file as the body (`curl -T file`) or as the part `file`.")],
            )

    def _create(self) -> BinaryIO:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fdopen(descriptor, "wb")

    def _note_packing(self) -> None:
        self._is_packed = True

    def _write(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.bytes > self._caps.upload_bytes:
            code = "gzip_bomb" if self._is_packed else None
            detail = f"Unpacked, the upload passes {self._caps.upload_bytes:,} bytes; split the file."
            raise TooLargeError(detail, code=code)
        if self._is_packed and self.bytes > max(RATIO_FLOOR_BYTES, self._caps.gzip_ratio * self._received):
            detail = f"The gzip unpacks to more than {self._caps.gzip_ratio} times its size; send the file unpacked."
            raise TooLargeError(detail, code="gzip_bomb")
        self._digest.update(data)
        self._file.write(data)


async def spool_chunks(spool: Spool, chunks: AsyncIterator[bytes]) -> None:
    """Write a body to its file without holding up the loop: a megabyte at a time in a thread."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= BLOCK_BYTES:
            await asyncio.to_thread(spool.feed, bytes(held))
            held.clear()
    await asyncio.to_thread(_finish, spool, bytes(held))


def _finish(spool: Spool, rest: bytes) -> None:
    if rest:
        spool.feed(rest)
    spool.finish()


class _Sniffer:
    """Unpacks what begins like gzip and passes on everything else."""

    def __init__(self, write: Callable[[bytes], None], note_packing: Callable[[], None]) -> None:
        self._write = write
        self._note_packing = note_packing
        self._head = b""
        self._gunzip: _Gunzip | None = None
        self._has_decided = False

    def feed(self, data: bytes) -> None:
        if not self._has_decided:
            self._head += data
            if len(self._head) < len(_GZIP_MAGIC):
                return
            data = self._decide()
        if self._gunzip is not None:
            self._gunzip.feed(data)
        else:
            self._write(data)

    def finish(self) -> None:
        if not self._has_decided and self._head:
            self._write(self._decide())
        elif self._gunzip is not None:
            self._gunzip.finish()

    def _decide(self) -> bytes:
        self._has_decided = True
        head, self._head = self._head, b""
        if head.startswith(_GZIP_MAGIC):
            self._note_packing()
            self._gunzip = _Gunzip(self._write)
        return head


class _Gunzip:
    """Unpacks a gzip of one or more members, a megabyte of output at a time."""

    def __init__(self, write: Callable[[bytes], None], finish: Callable[[], None] | None = None) -> None:
        self._write = write
        self._finish_next = finish
        self._member = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> None:
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding after a member is allowed
                if not data:
                    return
                self._member = zlib.decompressobj(wbits=31)
            try:
                unpacked = self._member.decompress(data, BLOCK_BYTES)
            except zlib.error as error:
                raise _corrupt(str(error)) from error
            if unpacked:
                self._write(unpacked)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        if not self._member.eof:
            rest = self._member.flush()
            if rest:
                self._write(rest)
        if not self._member.eof:
            raise _corrupt("it ends before its end mark")
        if self._finish_next is not None:
            self._finish_next()


def _corrupt(why: str) -> InvalidUploadError:
    fault = Fault("", "corrupt_gzip", "Pack the file again (`gzip -t` tells whether it is whole), or send it unpacked.")
    return InvalidUploadError(f"The gzip cannot be unpacked: {why}.", code="corrupt_gzip", errors=[fault])
