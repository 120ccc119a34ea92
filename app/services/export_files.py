"""The files of an export: which there are, what PostgreSQL's lines are framed with, and how each is checked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.blobs import Blobs
from app.ids import encode_id
from app.services.certificates import (
    Certificate,
    FileCheck,
    LineReader,
    NameSets,
    check_subset,
    read_instruction_line,
    read_pair_line,
    read_train_line,
    read_translation_line,
)
from app.services.kinds import kind_of
from app.store import export_rows as rows
from app.store.models import Dataset, Export, Job

AUTHOR = "Syphus"
SOURCE_LANGUAGE = "en"
DEFAULT_STATUSES = ("accepted", "flagged", "edited")


@dataclass(slots=True)
class Making:
    """An export under way: where its files go, and those that are there."""

    export: Export
    job: Job
    dataset: Dataset
    blobs: Blobs
    folder: str
    files: list[dict[str, Any]] = field(default_factory=list)
    readers: dict[str, LineReader] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def selection(self) -> rows.Selection:
        statuses = self.export.filters.get("status") or DEFAULT_STATUSES
        return rows.Selection(self.job.id, tuple(statuses))

    @property
    def languages(self) -> list[str]:
        """Those to translate into, without English."""
        return [language for language in self.export.languages if language != SOURCE_LANGUAGE]

    async def write(self, name: str, reader: LineReader, chunks: AsyncIterator[bytes]) -> None:
        """Store one file and note its size and sha256."""
        path = f"{self.folder}/{name}"
        size, sha256 = await self.blobs.write(path, chunks)
        self.files.append({"name": name, "bytes": size, "sha256": sha256, "path": path})
        self.readers[name] = reader


async def write_mimic_it(session: AsyncSession, making: Making) -> None:
    """`XX_instructions.json` and `XX_train.json` in English, and `….{language}.json` of both for each language.

    Names are the same in all languages; a file links only to pairs that are in it.
    """
    kind = kind_of(making.dataset.kind)
    abbr, train_rule = making.dataset.abbr, kind.train_rule
    pairs = await rows.name_pairs(session, making.selection, kind.instruction_id)
    translations: dict[str, int] = {}
    for language in (SOURCE_LANGUAGE, *making.languages):
        shown = await rows.show_language(session, language)
        suffix = "" if language == SOURCE_LANGUAGE else f".{language}"
        if suffix:
            translations[language] = shown
        header = b'{"meta":' + _describe_source(making, language) + b',"data":{\n'
        entries = _frame(header, rows.stream_entries(session), b"}}\n")
        await making.write(f"{abbr}_instructions{suffix}.json", read_instruction_line, entries)
        train = _frame(b"{\n", rows.stream_train(session, train_rule), b"}\n")
        await making.write(f"{abbr}_train{suffix}.json", read_train_line, train)
    making.counts = {"pairs": pairs, "translations": translations}


async def write_jsonl(session: AsyncSession, making: Making) -> None:
    """`XX_pairs.jsonl`: a pair a line, each English one followed by its translations."""
    pairs = await rows.number_pairs(session, making.selection)
    await rows.show_language(session, SOURCE_LANGUAGE)
    translations = await rows.count_translations(session, making.languages)
    has_english = SOURCE_LANGUAGE in making.export.languages
    reader = read_pair_line if has_english else read_translation_line
    lines = rows.stream_lines(session, making.export.languages)
    await making.write(f"{making.dataset.abbr}_pairs.jsonl", reader, lines)
    making.counts = {"pairs": pairs if has_english else 0, "translations": translations}


async def certify_files(making: Making) -> Certificate:
    """Read every file again, and check names and links in each of them and between languages."""
    certificate = Certificate()
    with ExitStack() as stack:
        english: NameSets | None = None
        names = stack.enter_context(NameSets())
        for file in making.files:
            name, reader = file["name"], making.readers[file["name"]]
            if reader is not read_train_line:  # a train file follows the file that has its names
                names = stack.enter_context(NameSets())
            with FileCheck(certificate, name, reader, names) as check:
                await _read_again(making.blobs, file, check)
            if reader is read_instruction_line:
                english = english or names
                await asyncio.to_thread(check_subset, certificate, name, names, english)
    return certificate


def name_old_files(making: Making) -> list[str]:
    """Where earlier tries, whose worker was lost, may have left the same files."""
    root = f"exports/{making.export.id}"
    fence = int(making.folder.rpartition("/")[2])
    return [f"{root}/{earlier}/{file['name']}" for earlier in range(1, fence) for file in making.files]


async def _read_again(blobs: Blobs, file: dict[str, Any], check: FileCheck) -> None:
    async for chunk in blobs.read(file["path"], 0, file["bytes"]):
        await asyncio.to_thread(check.feed, chunk)
    await asyncio.to_thread(check.finish)


async def _frame(header: bytes, lines: AsyncIterator[bytes], footer: bytes) -> AsyncIterator[bytes]:
    """Lines that each begin with a comma, inside their brackets; the first comma is left out."""
    yield header
    is_first = True
    async with aclosing(lines) as chunks:  # type: ignore[type-var]  # an async generator
        async for chunk in chunks:
            yield chunk[1:] if is_first else chunk
            is_first = False
    yield footer


def _describe_source(making: Making, language: str) -> bytes:
    """The meta part: the job's own time, so that the same pairs make the same bytes."""
    moment = making.job.finished_at or making.job.created_at or datetime.fromtimestamp(0, UTC)
    meta = {
        "version": str(making.dataset.version),
        "time": moment.astimezone(UTC).isoformat(timespec="seconds"),
        "author": AUTHOR,
        "language": language,
        "dataset": making.dataset.name,
        "job": encode_id("job", making.job.id),
    }
    return orjson.dumps(meta)
