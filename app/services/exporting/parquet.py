"""Parquet as a stream of bytes: row groups of a fixed number of rows, one in memory at a time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from app.pipeline.export_schemas import PAIR_COLUMNS

ROWS_PER_GROUP = 10_000


class Sink:
    """What pyarrow writes to; `take` hands out what has come since the last time."""

    closed = False

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._size = 0

    def write(self, block: bytes) -> int:
        self._blocks.append(bytes(block))
        self._size += len(block)
        return len(block)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken = b"".join(self._blocks)
        self._blocks.clear()
        return taken


class Writer:
    """One parquet file, a row group at a time; the same rows make the same bytes."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = Sink()
        self._file = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"), schema, compression="zstd", compression_level=1, version="2.6"
        )

    def add(self, rows: Iterable[dict[str, object]]) -> bytes:
        """Write a row group; the bytes that are ready."""
        self._file.write_table(pa.Table.from_pylist(list(rows), schema=self._schema))
        return self._sink.take()

    def finish(self) -> bytes:
        """The last bytes."""
        self._file.close()
        return self._sink.take()


async def encode_pairs(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Pairs as lines of JSON become a parquet file."""
    writer = Writer(pair_schema())
    lines: list[bytes] = []
    async for line in split_lines(chunks):
        lines.append(line)
        if len(lines) == ROWS_PER_GROUP:
            yield await asyncio.to_thread(_add_lines, writer, lines)
            lines = []
    if lines:
        yield await asyncio.to_thread(_add_lines, writer, lines)
    yield writer.finish()


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a stream, without their newlines; empty ones are left out."""
    rest = b""
    async for chunk in chunks:
        lines = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line:
                yield line
    if rest:
        yield rest


def pair_schema() -> pa.Schema:
    """The columns of a table of pairs."""
    kinds = {"text": pa.string(), "number": pa.int32(), "texts": pa.list_(pa.string())}
    return pa.schema([pa.field(name, kinds[kind]) for name, kind in PAIR_COLUMNS.items()])


def _add_lines(writer: Writer, lines: list[bytes]) -> bytes:
    return writer.add(orjson.loads(line) for line in lines)
