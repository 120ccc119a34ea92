"""Stored files as plain streams that can seek, for readers that know nothing of storage or event loops."""

import io
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from app.blobs import Blobs

BUFFER_BYTES = 1 << 20


class StoppedError(Exception):
    """Reading was called off."""


class StoredFile(io.RawIOBase):
    """A stored file, read by range; for a thread that may wait."""

    def __init__(self, blobs: Blobs, path: str, size: int, stopped: threading.Event | None = None) -> None:
        self._blobs = blobs
        self._path = path
        self._size = size
        self._place = 0
        self._stopped = stopped

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Raises StoppedError, FileNotFoundError."""
        if self._stopped is not None and self._stopped.is_set():
            raise StoppedError(self._path)
        end = min(self._size, self._place + len(buffer))
        if self._place >= end:
            return 0
        block = self._blobs.read_now(self._path, self._place, end)
        buffer[: len(block)] = block
        self._place += len(block)
        return len(block)


class StoredFolder:
    """The files of an export as a folder; `stop` makes every read from then on fail with StoppedError."""

    def __init__(self, blobs: Blobs, files: Mapping[str, Mapping[str, Any]]) -> None:
        self._blobs = blobs
        self._files = files
        self._stopped = threading.Event()

    def list_names(self) -> set[str]:
        return set(self._files)

    def open(self, name: str) -> BinaryIO:
        file = self._files.get(name)
        if file is None:
            raise FileNotFoundError(name)
        size = self._blobs.size_now(file["path"])
        return cast(
            BinaryIO, io.BufferedReader(StoredFile(self._blobs, file["path"], size, self._stopped), BUFFER_BYTES)
        )

    def stop(self) -> None:
        self._stopped.set()
