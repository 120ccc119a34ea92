"""Where paid answers wait while PostgreSQL is away: an fsynced file per worker, replayed by whoever starts next."""

import base64
import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import orjson

from app.store.calls import RawAnswer

log = logging.getLogger("syphus.spool")


class Spool:
    """Append-only; the file is locked by its worker as long as that lives."""

    def __init__(self, folder: Path, worker_id: str) -> None:
        self._folder = folder
        self._path = folder / f"{worker_id}.spool"
        self._file: IO[bytes] | None = None

    def write(self, answers: Sequence[RawAnswer]) -> None:
        """Keep answers on disk before anything else happens to them. Raises OSError where the disk is full."""
        file = self._open()
        for answer in answers:
            file.write(_encode(answer))
        file.flush()
        os.fsync(file.fileno())

    def clear(self) -> None:
        """Forget what was written: PostgreSQL has it now."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close; an empty file goes with it."""
        if self._file is not None:
            is_empty = self._file.tell() == 0
            self._file.close()
            self._file = None
            if is_empty:
                self._path.unlink(missing_ok=True)

    def take_over(self) -> list[tuple[Path, list[RawAnswer]]]:
        """The answers that dead workers left behind, by file; delete each file once its answers are stored."""
        left = []
        for path in sorted(self._folder.glob("*.spool")) if self._folder.is_dir() else ():
            if path == self._path:
                continue
            answers = _read_if_orphaned(path)
            if answers is not None:
                left.append((path, answers))
        return left

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return self._file


def _encode(answer: RawAnswer) -> bytes:
    entry = {
        "call_id": answer.call_id,
        "http_status": answer.http_status,
        "latency_ms": answer.latency_ms,
        "raw": base64.b64encode(answer.raw).decode(),
    }
    return orjson.dumps(entry) + b"\n"


def _read_if_orphaned(path: Path) -> list[RawAnswer] | None:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lines = file.read().split(b"\n")
    except BlockingIOError:
        return None
    except FileNotFoundError:
        return None
    answers = []
    for line in lines:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            if line:
                log.warning("spool_line_torn", extra={"file": path.name, "bytes": len(line)})
            continue
        entry["raw"] = base64.b64decode(entry["raw"])
        answers.append(RawAnswer(**entry))
    return answers
