"""The glossary of a dataset: one row, all its terms in it."""

from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_FIND = text("SELECT terms FROM glossary WHERE dataset_id = :dataset_id")
_SET = text(
    """
    INSERT INTO glossary (dataset_id, terms) VALUES (:dataset_id, CAST(:terms AS jsonb))
    ON CONFLICT (dataset_id) DO UPDATE SET terms = excluded.terms, updated_at = now()
    """
)


async def find_terms(session: AsyncSession, dataset_id: int) -> list[dict[str, Any]] | None:
    """The terms of a dataset, None where none were ever set."""
    terms: list[dict[str, Any]] | None = (await session.execute(_FIND, {"dataset_id": dataset_id})).scalar_one_or_none()
    return terms


async def set_terms(session: AsyncSession, dataset_id: int, terms: list[dict[str, Any]]) -> None:
    """Replace the terms of a dataset."""
    await session.execute(_SET, {"dataset_id": dataset_id, "terms": orjson.dumps(terms).decode()})
