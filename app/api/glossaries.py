"""Glossaries over HTTP: how the terms of a dataset are written in each language."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, begin_reading, begin_writing
from app.api.pages import answer_json, answer_resource, make_etag, require_match
from app.ids import decode_id
from app.services.glossaries import replace_glossary, view_glossary

router = APIRouter(tags=["datasets"])


class GlossaryRequest(Body):
    """All terms of a dataset; what is not among them is gone."""

    terms: list[dict[str, Any]] = Field(
        description='Each {"source": "Beckett", "zh": "贝克特", "ar": "بيكيت", "keep": true}: the English term, how it '
        "is written by language code, and whether languages without a wording keep it as it is.",
    )


class GlossaryBody(BaseModel):
    """A glossary, for the OpenAPI document."""

    object: str = "glossary"
    dataset_id: str
    terms: list[dict[str, Any]]


@router.get("/datasets/{dataset_id}/glossary", response_model=GlossaryBody, summary="Read a dataset's glossary")
async def get_glossary(request: Request, resources: ResourcesDep, dataset_id: str) -> Response:
    number = decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        return answer_resource(request, await view_glossary(session, number))


@router.put("/datasets/{dataset_id}/glossary", response_model=GlossaryBody, summary="Set a dataset's glossary")
async def put_glossary(request: Request, resources: ResourcesDep, dataset_id: str, body: GlossaryRequest) -> Response:
    """Replaces all terms; with `If-Match` only where nobody else did meanwhile (412)."""
    number = decode_id("dataset", dataset_id)
    async with begin_writing(resources) as session:
        if request.headers.get("if-match") is not None:
            require_match(request, make_etag(await view_glossary(session, number)))
        shown = await replace_glossary(session, number, body.terms)
    return answer_json(shown, headers={"ETag": f'"{make_etag(shown)}"'})
