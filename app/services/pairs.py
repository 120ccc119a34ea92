"""Pairs as the API shows them, with what may be expanded."""

import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.services.provenance import attach_provenance, attach_review
from app.store import pairs as store
from app.store.models import Dataset, Job
from app.store.reading import AnyRow

EXPANSIONS = ("translations", "relations", "provenance", "review")


async def view_pairs(
    session: AsyncSession, asked: store.PairFilter, after: int, limit: int, expand: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[int]]:
    """Pairs beyond the id `after` and their numbers; raises NotFoundError for a job or dataset that is not there."""
    rows = await store.list_pairs(session, asked, after, limit)
    if not rows:
        await _check_scope(session, asked)
    return await show_pairs(session, rows, expand), [row[0] for row in rows]


async def view_pair(session: AsyncSession, pair_id: int, expand: Collection[str] = ()) -> dict[str, Any]:
    """One pair; raises NotFoundError."""
    rows = await store.find_pairs(session, [pair_id])
    if not rows:
        raise NotFoundError("pair", encode_id("pair", pair_id))
    return (await show_pairs(session, rows, expand))[0]


async def view_translations(session: AsyncSession, pair_id: int) -> list[dict[str, Any]]:
    """The translations of a pair, by language; raises NotFoundError."""
    pair = (await view_rows(session, [pair_id]))[0]
    origin = pair[_TRANSLATION_OF] or pair_id
    return show_rows(await store.list_translations(session, [origin]))


async def view_relations(session: AsyncSession, pair_id: int) -> tuple[str | None, list[dict[str, Any]]]:
    """The rule and the related pairs in their order, in English; raises NotFoundError."""
    await view_rows(session, [pair_id])
    rule, ids = await store.find_relation(session, pair_id)
    shown = {row[0]: pair for row, pair in _zip_shown(await store.find_pairs(session, ids))}
    return rule, [shown[related] for related in ids if related in shown]


async def view_rows(session: AsyncSession, ids: Sequence[int]) -> Sequence[AnyRow]:
    """The rows of these pairs; raises NotFoundError when one is missing."""
    rows = await store.find_pairs(session, ids)
    missing = set(ids) - {row[0] for row in rows}
    if missing:
        raise NotFoundError("pair", encode_id("pair", min(missing)))
    return rows


async def show_pairs(session: AsyncSession, rows: Sequence[AnyRow], expand: Collection[str]) -> list[dict[str, Any]]:
    """Rows as the API shows them, with one query for each expansion, whatever the number of rows."""
    shown = show_rows(rows)
    for expansion, attach in _ATTACHERS.items():
        if rows and expansion in expand:
            await attach(session, rows, shown)
    return shown


def show_rows(rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    """The hot path: plain dictionaries, each id of a job, dataset or item spelled once."""
    pair, job, dataset, item = (_spell(noun) for noun in ("pair", "job", "dataset", "item"))
    return [
        {
            "id": pair(row[0]),
            "object": "pair",
            "job_id": job(row[1]),
            "dataset_id": dataset(row[2]),
            "item_id": item(row[3]),
            "source_id": row[4],
            "ordinal": row[5],
            "conversation": row[17],
            "round": row[18],
            "language": row[6],
            "translation_of": None if row[7] is None else pair(row[7]),
            "instruction": row[8],
            "response": row[9],
            "words": row[10],
            "status": row[11],
            "flags": row[12],
            "image_ids": row[13],
            "related_pair_ids": [pair(related) for related in row[14] or ()],
            "etag": f"{row[15]}-{zlib.crc32(orjson.dumps(row[14])):08x}",
            "created_at": row[16],
        }
        for row in rows
    ]


_TRANSLATION_OF = 7
_RELATED = 14


def _spell(noun: str) -> Callable[[int], str]:
    """`encode_id` for one answer, which names the same rows again and again."""
    spelled: dict[int, str] = {}

    def spell(number: int) -> str:
        text = spelled.get(number)
        if text is None:
            text = spelled[number] = encode_id(noun, number)
        return text

    return spell


def _zip_shown(rows: Sequence[AnyRow]) -> Iterable[tuple[AnyRow, dict[str, Any]]]:
    return zip(rows, show_rows(rows), strict=True)


async def _attach_translations(session: AsyncSession, rows: Sequence[AnyRow], shown: Sequence[dict[str, Any]]) -> None:
    found: dict[int, list[dict[str, Any]]] = {}
    for row, pair in _zip_shown(await store.list_translations(session, [row[0] for row in rows])):
        kept = {key: pair[key] for key in ("id", "language", "instruction", "response", "status")}
        found.setdefault(row[_TRANSLATION_OF], []).append(kept)
    for row, pair in zip(rows, shown, strict=True):
        pair["translations"] = found.get(row[0], [])


async def _attach_relations(session: AsyncSession, rows: Sequence[AnyRow], shown: Sequence[dict[str, Any]]) -> None:
    ids = sorted({related for row in rows for related in row[_RELATED] or ()})
    found: dict[int, dict[str, Any]] = {}
    for row, pair in _zip_shown(await store.find_pairs(session, ids)):
        found[row[0]] = {key: pair[key] for key in ("id", "instruction", "response", "image_ids", "item_id")}
    for row, pair in zip(rows, shown, strict=True):
        pair["relations"] = [found[related] for related in row[_RELATED] or () if related in found]


_ATTACHERS = {
    "translations": _attach_translations,
    "relations": _attach_relations,
    "provenance": attach_provenance,
    "review": attach_review,
}


async def _check_scope(session: AsyncSession, asked: store.PairFilter) -> None:
    """An empty page of something that does not exist is a 404, not an empty list."""
    if asked.job_id is not None and await session.get(Job, asked.job_id) is None:
        raise NotFoundError("job", encode_id("job", asked.job_id))
    if asked.dataset_id is not None and await session.get(Dataset, asked.dataset_id) is None:
        raise NotFoundError("dataset", encode_id("dataset", asked.dataset_id))
