"""The pictures of an export: base64 of 224×224 RGB PNG in parquet and json, or the stored files in a tar."""

import asyncio
import logging
import tarfile
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from app.pictures.values import PictureError
from app.pipeline.export_schemas import PART_BYTES, SQUARE_SIDE
from app.resources import Resources
from app.services.exporting.making import FileSpec, Making, frame
from app.services.exporting.parquet import Writer
from app.services.exporting.stored import StoredFile
from app.services.images import image_path
from app.store import export_images as store

# Neither its base64 nor its id can take more: a PNG of 224×224 RGB is hardly larger than its pixels.
SQUARE_BYTES = 4 * (SQUARE_SIDE * (3 * SQUARE_SIDE + 1) + 1024) // 3 + 1024
ROWS_PER_GROUP = 100

log = logging.getLogger("syphus.exports")

Maker = Callable[[Resources, store.ExportImage], Awaitable[bytes]]


class Pictures:
    """The pictures of a part as they go out; one that cannot be read is left out, and the certificate will say so."""

    def __init__(self, making: Making, part: tuple[int, int], make: Maker) -> None:
        self.count = 0
        self._making = making
        self._part = part
        self._make = make

    async def each(self) -> AsyncGenerator[tuple[store.ExportImage, bytes]]:
        """In order, a few of them made at once."""
        resources = self._making.resources
        waiting: deque[tuple[store.ExportImage, asyncio.Task[bytes | None]]] = deque()
        try:
            async for image in store.stream_images(self._making.session, *self._part):
                waiting.append((image, asyncio.create_task(_try(resources, image, self._make))))
                if len(waiting) > 2 * resources.settings.picture_processes:
                    async for made in self._take(waiting):
                        yield made
            while waiting:
                async for made in self._take(waiting):
                    yield made
        finally:
            for _, task in waiting:
                task.cancel()
            await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)

    async def _take(
        self, waiting: deque[tuple[store.ExportImage, asyncio.Task[bytes | None]]]
    ) -> AsyncIterator[tuple[store.ExportImage, bytes]]:
        image, task = waiting[0]
        data = await task
        waiting.popleft()
        if data is not None:
            self.count += 1
            yield image, data


class ParquetPictures(Pictures):
    """A part as parquet: index `id`, one column `base64`."""

    async def pull(self) -> AsyncGenerator[bytes]:
        writer = Writer(square_schema())
        rows: list[dict[str, object]] = []
        async with aclosing(self.each()) as pictures:
            async for image, data in pictures:
                rows.append({"id": image.image_id, "base64": b64encode(data).decode()})
                if len(rows) == ROWS_PER_GROUP:
                    yield await asyncio.to_thread(writer.add, rows)
                    rows = []
        if rows:
            yield await asyncio.to_thread(writer.add, rows)
        yield writer.finish()


class TarPictures(Pictures):
    """A part as tar: the stored files under the names that conversations have."""

    async def pull(self) -> AsyncGenerator[bytes]:
        async with aclosing(self.each()) as pictures:
            async for image, data in pictures:
                header = tarfile.TarInfo(image.file_name)
                header.size = len(data)
                yield header.tobuf(tarfile.PAX_FORMAT) + data + b"\0" * (-len(data) % tarfile.BLOCKSIZE)
        yield b"\0" * 2 * tarfile.BLOCKSIZE


class JsonPictures:
    """`,"ID":"base64"` a line, out of the parts that are written already."""

    def __init__(self, making: Making) -> None:
        self.count = 0
        self._making = making

    async def pull(self) -> AsyncGenerator[bytes]:
        for part in [file for file in self._making.files if file["role"] == "images"]:
            with StoredFile(self._making.resources.blobs, part["path"], part["bytes"]) as stream:
                batches = (await asyncio.to_thread(pq.ParquetFile, stream)).iter_batches(ROWS_PER_GROUP)
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    self.count += batch.num_rows
                    yield await asyncio.to_thread(_write_members, batch)


async def write_squares(making: Making) -> None:
    """`XX.parquet` (or `XX_001.parquet`, … each within 1.5 GB, since loaders open single files)."""
    await _write_parts(making, "", "parquet", SQUARE_BYTES, ParquetPictures, _make_square)


async def write_squares_and_json(making: Making) -> None:
    """The same, and all of it again as `XX.json`: {image id: base64}."""
    await write_squares(making)
    await making.write(FileSpec(making.name("", "json"), "images_json"), JsonPictures(making), frame(b"{\n", b"}\n"))


async def write_files(making: Making) -> None:
    """`XX_images.tar` (or `XX_images_001.tar`, …): the pictures as they are stored."""
    await _write_parts(making, "images", "tar", 0, TarPictures, _fetch)


def square_schema() -> pa.Schema:
    """Two text columns, with what makes pandas take `id` for the index."""
    columns = [
        {"name": name, "field_name": name, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
        for name in ("base64", "id")
    ]
    pandas = {"index_columns": ["id"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    return pa.schema([("id", pa.string()), ("base64", pa.string())], {"pandas": orjson.dumps(pandas)})


async def _write_parts(
    making: Making, stem: str, suffix: str, picture_bytes: int, kind: type[ParquetPictures | TarPictures], make: Maker
) -> None:
    parts = await store.list_parts(making.session, PART_BYTES, picture_bytes)
    for number, part in enumerate(parts, 1):
        name = making.name(stem, suffix)
        if len(parts) > 1:
            name = f"{name.removesuffix(f'.{suffix}')}_{number:03d}.{suffix}"
        await making.write(FileSpec(name, "images"), kind(making, part, make))
    making.counts["images"] = sum(file["rows"] for file in making.files if file["role"] == "images")


async def _try(resources: Resources, image: store.ExportImage, make: Maker) -> bytes | None:
    try:
        return await make(resources, image)
    except (PictureError, FileNotFoundError) as error:
        log.warning("picture_left_out", extra={"image": image.image_id, "error": type(error).__name__})
        return None


async def _make_square(resources: Resources, image: store.ExportImage) -> bytes:
    return await resources.pictures.square_png(await _fetch(resources, image), SQUARE_SIDE)


async def _fetch(resources: Resources, image: store.ExportImage) -> bytes:
    return await resources.blobs.fetch(image_path(image.sha256))


def _write_members(batch: pa.RecordBatch) -> bytes:
    pairs = zip(batch["id"].to_pylist(), batch["base64"].to_pylist(), strict=True)
    return b"".join(b',%b:"%b"\n' % (orjson.dumps(key), value.encode()) for key, value in pairs)
