"""A process that reads a parquet of pictures in base64: `python -m app.pictures.table_reader`, started by a desk."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.pictures.clerk import read_limits
from app.pictures.confinement import allow_cpu, confine
from app.pictures.values import PictureError
from app.pictures.wire import Message, pack, read_message

COLUMN = "base64"

_ID_NAMES = ("image_id", "id", "__index_level_0__", "index", "name")
_ROWS = 16


def serve() -> None:
    """Read one order, write a message for each row and a last one."""
    order = read_message(sys.stdin.buffer)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if order is None:
        return
    limits = read_limits(order[0]["limits"])
    confine(2 * limits.memory_bytes)
    allow_cpu(limits.video_cpu_s)
    try:
        with os.fdopen(int(order[0]["fd"]), "rb") as file:
            for message in _read_rows(file, limits.picture_bytes):
                replies.write(pack(*message))
        replies.write(pack({"end": True}))
    except BrokenPipeError:  # the desk wants no more
        return
    except PictureError as error:
        replies.write(pack({"error": error.code, "message": error.message}))
    except MemoryError:
        mend = "The parquet needs more memory than it may have; write it with smaller pages or row groups."
        replies.write(pack({"error": "too_costly", "message": mend}))
    except Exception:  # hostile bytes: whatever the library raises is an answer
        replies.write(pack({"error": "undecodable", "message": "The parquet is broken or cut off; write it again."}))
    replies.flush()


def _read_rows(file: Any, cap_bytes: int) -> Iterator[Message]:
    table = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    names = table.schema_arrow.names
    id_name = _find_index(table.schema_arrow)
    if COLUMN not in names or id_name is None:
        message = f"The parquet needs a column {COLUMN!r} and image ids as its index or in a column `image_id`."
        raise PictureError("undecodable", message)
    row_number = 0
    for batch in table.iter_batches(batch_size=_ROWS, columns=[id_name, COLUMN], use_threads=False):
        ids, texts = batch.column(id_name), batch.column(COLUMN)
        for image_id, text in zip(ids, texts, strict=True):
            yield _tell_row(row_number, image_id.as_py(), text.as_py(), cap_bytes)
            row_number += 1


def _tell_row(row_number: int, image_id: object, text: object, cap_bytes: int) -> Message:
    name = image_id if isinstance(image_id, str) else f"row {row_number}"
    if not isinstance(image_id, str):
        return {"name": name, "error": "invalid_name", "message": "The image id is no text."}, b""
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    if not isinstance(data, bytes):
        return {"name": name, "error": "undecodable", "message": f"{COLUMN} is no text."}, b""
    if len(data) > cap_bytes * 4 // 3 + 64:
        return {"name": name, "error": "too_many_bytes", "message": f"A picture has at most {cap_bytes:,} bytes."}, b""
    return {"name": name}, data


def _find_index(schema: pa.Schema) -> str | None:
    """The column of the image ids: the index as pandas notes it, else one with a telling name."""
    try:
        stated = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        stated = []
    candidates = [*(name for name in stated if isinstance(name, str)), *_ID_NAMES]
    return next((name for name in candidates if name in schema.names and name != COLUMN), None)


if __name__ == "__main__":
    serve()
