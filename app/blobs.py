"""Large files (exports, images, uploads) in object storage: a local folder by default, S3 by URL."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import obstore
from obstore.store import LocalStore, from_url

_REQUEST_BYTES = 1 << 20
_READ_BYTES = (
    256 << 10
)  # of a folder: with 1 MB blocks the reading threads kept some ten MB of a process for themselves


class Blobs:
    """Write-once files by path, written and read as streams."""

    def __init__(self, store: obstore.store.ObjectStore, root: Path | None = None) -> None:
        """root: the folder beneath the store, where it is one on this machine"""
        self._store = store
        self._root = root
        self._chunk_bytes = _REQUEST_BYTES if root is None else _READ_BYTES

    async def write(self, path: str, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        """Store a stream; answers its size in bytes and its sha256. A stream that fails leaves no file."""
        digest, size = sha256(), 0
        async with obstore.open_writer_async(self._store, path, buffer_size=8 * _REQUEST_BYTES) as writer:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                await writer.write(chunk)
        return size, digest.hexdigest()

    async def size(self, path: str) -> int:
        """Bytes of a file; raises FileNotFoundError."""
        return int((await obstore.head_async(self._store, path))["size"])

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, a chunk at a time."""
        while start < end:
            stop = min(start + self._chunk_bytes, end)
            chunk = await obstore.get_range_async(self._store, path, start=start, end=stop)
            yield bytes(chunk)
            start = stop

    async def put(self, path: str, data: bytes) -> None:
        """Store a small file at once; it appears whole or not at all, in place of one that was there."""
        await obstore.put_async(self._store, path, data)

    async def fetch(self, path: str) -> bytes:
        """A small file whole; raises FileNotFoundError."""
        return bytes(await (await obstore.get_async(self._store, path)).bytes_async())

    def size_now(self, path: str) -> int:
        """`size`, for a thread that may wait."""
        return int(obstore.head(self._store, path)["size"])

    def read_now(self, path: str, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end` at once, for a thread that may wait; raises FileNotFoundError."""
        return bytes(obstore.get_range(self._store, path, start=start, end=end))

    async def has(self, path: str) -> bool:
        """Whether there is such a file."""
        try:
            await obstore.head_async(self._store, path)
        except FileNotFoundError:
            return False
        return True

    async def move(self, path: str, place: str) -> None:
        """Give a file another path; raises FileNotFoundError."""
        await obstore.rename_async(self._store, path, place)

    async def delete(self, path: str) -> None:
        await obstore.delete_async(self._store, path)

    async def keep_only(self, folder: str, paths: Collection[str]) -> None:
        """Delete what is in a folder and below it, but for these paths; files torn off half-way go too."""
        async for page in obstore.list(self._store, folder):
            for stored in page:
                if stored["path"] not in paths:
                    with suppress(FileNotFoundError):
                        await self.delete(stored["path"])
        if self._root is not None:
            await asyncio.to_thread(_sweep_torn, self._root / folder, frozenset(self._root / path for path in paths))


def open_blobs(url: str) -> Blobs:
    """Storage by URL (`s3://bucket/prefix`) or by folder, which is made where it is missing."""
    if "://" in url:
        return Blobs(from_url(url))
    folder = Path(url).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return Blobs(LocalStore(folder, automatic_cleanup=True), folder)


def _sweep_torn(folder: Path, kept: frozenset[Path]) -> None:
    """What a killed process was writing lies beside its place and is in no list."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path not in kept:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
