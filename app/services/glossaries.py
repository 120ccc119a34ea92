"""Glossaries: how the names and terms of a dataset are written in each language, for its jobs to keep to."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidRequestError, tell_faults
from app.ids import encode_id
from app.pipeline.parity import NO_GLOSSARY, Glossary, read_terms, show_term
from app.store.datasets import get_dataset
from app.store.glossaries import find_terms, set_terms

_KEPT_GLOSSARIES = 16


async def view_glossary(session: AsyncSession, dataset_id: int) -> dict[str, Any]:
    """The glossary of a dataset, without terms where none was set; raises NotFoundError."""
    await get_dataset(session, dataset_id)
    return _show(dataset_id, await find_terms(session, dataset_id) or [])


async def replace_glossary(session: AsyncSession, dataset_id: int, given: Sequence[Any]) -> dict[str, Any]:
    """Set all terms of a dataset at once; raises NotFoundError, InvalidRequestError with a pointer per fault."""
    await get_dataset(session, dataset_id)
    terms, faults = read_terms(given)
    if faults:
        raise InvalidRequestError(tell_faults("glossary", faults), errors=faults)
    shown = [show_term(term) for term in terms]
    await set_terms(session, dataset_id, shown)
    return _show(dataset_id, shown)


async def read_glossary(session: AsyncSession, dataset_id: int) -> Glossary:
    """The glossary as translations are checked by it."""
    terms = await find_terms(session, dataset_id)
    return _build(orjson.dumps(terms)) if terms else NO_GLOSSARY


@lru_cache(maxsize=_KEPT_GLOSSARIES)
def _build(terms: bytes) -> Glossary:
    """Every shard of a job asks for the same one."""
    return Glossary(read_terms(orjson.loads(terms))[0])


def _show(dataset_id: int, terms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "glossary", "dataset_id": encode_id("dataset", dataset_id), "terms": terms}
