"""An export under way: the files that are finished, and those that an earlier try left finished."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.resources import Resources
from app.services.exporting.options import Options
from app.store.models import Dataset, Export, Job, Prompt

Encoder = Callable[[AsyncIterator[bytes]], AsyncGenerator[bytes]]
File = dict[str, Any]


class Source(Protocol):
    """Rows as bytes, pulled once; `count` is known at the end."""

    @property
    def count(self) -> int: ...

    def pull(self) -> AsyncGenerator[bytes]: ...


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file of an export; `role` says what it is: instructions, train, pairs, conversations, images, …"""

    name: str
    role: str
    language: str | None = None
    split: str | None = None


@dataclass(slots=True)
class Making:
    """What the writers of formats share.

    session: one snapshot of everything; note: keeps the finished files for a later try; earlier: such files, by name
    counts: what the manifest and the client are told
    """

    export: Export
    job: Job
    dataset: Dataset
    prompt: Prompt
    options: Options
    resources: Resources
    session: AsyncSession
    folder: str
    note: Callable[["Making"], Awaitable[None]]
    earlier: dict[str, File] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    def name(self, stem: str, suffix: str, language: str | None = None, split: str | None = None) -> str:
        """`XX_stem.split.language.suffix`; English and what is not split go without."""
        parts = [f"{self.dataset.abbr}_{stem}" if stem else self.dataset.abbr]
        parts += [part for part in (split, None if language == "en" else language) if part]
        return ".".join([*parts, suffix])

    async def has(self, *specs: FileSpec) -> bool:
        """Whether an earlier try finished all of these, and each is still what it was."""
        return all([await self._find_earlier(spec) is not None for spec in specs])

    async def write(self, spec: FileSpec, source: Source, encode: Encoder | None = None) -> File:
        """Store a file, or keep the one of an earlier try; notes its size, sha256 and rows."""
        file = await self._find_earlier(spec)
        if file is None:
            path = f"{self.folder}/{spec.name}"
            async with AsyncExitStack() as stack:
                chunks = await stack.enter_async_context(aclosing(source.pull()))
                if encode is not None:
                    chunks = await stack.enter_async_context(aclosing(encode(chunks)))
                size, digest = await self.resources.blobs.write(path, chunks)
            file = {
                "name": spec.name,
                "role": spec.role,
                "language": spec.language,
                "split": spec.split,
                "rows": source.count,
                "bytes": size,
                "sha256": digest,
                "path": path,
            }
        self.files.append(file)
        try:
            await self.note(self)
        except Exception:
            if file["path"].startswith(self.folder):  # nobody else knows of it
                await self.resources.blobs.delete(file["path"])
            raise
        return file

    async def _find_earlier(self, spec: FileSpec) -> File | None:
        file = self.earlier.get(spec.name)
        if file is None or file.get("is_checked"):
            return None if file is None else {key: file[key] for key in file if key != "is_checked"}
        digest = sha256()
        try:
            if await self.resources.blobs.size(file["path"]) != file["bytes"]:
                raise FileNotFoundError(file["path"])
            async for chunk in self.resources.blobs.read(file["path"], 0, file["bytes"]):
                digest.update(chunk)
        except FileNotFoundError:
            digest = sha256(b"gone")
        if digest.hexdigest() != file["sha256"]:
            del self.earlier[spec.name]
            return None
        file["is_checked"] = True
        return await self._find_earlier(spec)


@dataclass(slots=True)
class Text:
    """A small file that is made at once."""

    content: bytes
    count: int = 1

    async def pull(self) -> AsyncGenerator[bytes]:
        yield self.content


def frame(header: bytes, footer: bytes) -> Encoder:
    """Rows that each begin with a comma, inside their brackets; the first comma is left out."""

    async def encode(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        yield header
        is_first = True
        async for chunk in chunks:
            yield chunk[1:] if is_first else chunk
            is_first = False
        yield footer

    return encode
