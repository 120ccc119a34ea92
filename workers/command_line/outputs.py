"""Writes `output_{name}_{version}/`: the original's five files, and those of MIMIC-IT beside them."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.resources import Resources
from app.services.datasets import describe_dataset
from app.services.exporting.work import work_export
from app.services.exports import DONE_STATES, ExportRequest, submit_export
from app.services.prompts import describe_prompt
from app.store.exports import get_export
from app.store.models import Export
from app.store.run_rows import OUTPUTS, stream_output
from workers.command_line.ordering import Order

_LINES_AT_ONCE = 500
_LOOK_S = 0.2


class ExportFailedError(Exception):
    """The MIMIC-IT files could not be made; the message says why."""


async def write_outputs(
    resources: Resources, order: Order, view: dict[str, Any], folder: Path, arguments: Sequence[str]
) -> None:
    """Write the five files; each takes its place when it is whole. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    async with resources.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for name in OUTPUTS:
            entries[name] = await _write_list(session, folder / name, name, order.job_id)
    _replace(folder / "meta.json", orjson.dumps(_describe(order, view, entries, arguments), option=orjson.OPT_INDENT_2))


async def write_mimic_it(resources: Resources, order: Order, worker_id: str, folder: Path) -> list[str]:
    """Export the job as MIMIC-IT and copy the files; returns their names. Raises ExportFailedError, OSError."""
    async with resources.sessions.begin() as session:
        export = await submit_export(session, ExportRequest(order.job_id, "mimic-it"))
    while True:
        await work_export(resources, export.id, worker_id)
        async with resources.sessions() as session:
            export = await get_export(session, export.id)
        if export.state in DONE_STATES:
            break
        await asyncio.sleep(_LOOK_S)  # a worker of the service was faster
    if export.state == "failed":
        raise ExportFailedError(f"The MIMIC-IT files could not be made: {export.reason}.")
    return [await _copy(resources, export, file, folder) for file in export.files]


async def _write_list(session: AsyncSession, path: Path, name: str, job_id: int) -> int:
    """A JSON list with an entry a line; returns how many there are."""
    count = 0
    partial = _partial(path)
    with partial.open("w", encoding="utf-8") as file:
        file.write("[")
        async with aclosing(_batch(stream_output(session, name, job_id))) as batches:
            async for lines in batches:
                file.write(("\n" if not count else ",\n") + ",\n".join(lines))
                count += len(lines)
        file.write("\n]\n")
    partial.replace(path)
    return count


async def _batch(lines: AsyncIterator[str]) -> AsyncGenerator[list[str]]:
    batch: list[str] = []
    async for line in lines:
        batch.append(line)
        if len(batch) == _LINES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


async def _copy(resources: Resources, export: Export, file: dict[str, Any], folder: Path) -> str:
    name = str(file["name"])
    partial = _partial(folder / name)
    with partial.open("wb") as copy:
        async for chunk in resources.blobs.read(file["path"], 0, file["bytes"]):
            copy.write(chunk)
    partial.replace(folder / name)
    return name


def _describe(order: Order, view: dict[str, Any], entries: dict[str, int], arguments: Sequence[str]) -> dict[str, Any]:
    usage, started_at = view["usage"], view["started_at"]
    ended_at = view["finished_at"] or view["paused_at"] or utc_now()
    prompt = describe_prompt(order.prompt)
    return {
        "name": order.dataset.kind,
        "version": view["metadata"]["version"],
        "arguments": list(arguments),
        "state": view["state"],
        "reason": view["reason"],
        "model": view["model"],
        "languages": view["languages"],
        "slice": view["slice"],
        "tokens": {
            "prompt": usage["prompt_tokens"],
            "completion": usage["completion_tokens"],
            "cached": usage["cached_tokens"],
            "total": usage["prompt_tokens"] + usage["completion_tokens"],
        },
        "calls": usage["calls"],
        "cost_usd": view["cost_usd"],
        "counts": view["counts"],
        "entries": entries,
        "time": {
            "created_at": view["created_at"],
            "started_at": started_at,
            "ended_at": ended_at,
            "seconds": None if started_at is None else round((ended_at - started_at).total_seconds(), 3),
        },
        "job_id": view["id"],
        "dataset": describe_dataset(order.dataset),
        "prompt": {key: prompt[key] for key in ("id", "name", "version", "sha256")},
    }


def _replace(path: Path, content: bytes) -> None:
    partial = _partial(path)
    partial.write_bytes(content)
    partial.replace(path)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
