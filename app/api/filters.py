"""The rules of the filter over HTTP."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.deps import Body
from app.api.pages import answer_resource
from app.pipeline.filtering import FILTER_VERSION
from app.services.filters import list_rules

router = APIRouter(tags=["filters"])

SeverityName = Literal["reject", "flag", "repair", "off"]


class FiltersBody(Body):
    """Which rules of the filter look at pairs, and what they do; see GET /v1/filters."""

    rules: dict[str, Any] = Field(
        default_factory=dict, max_length=500, description="`reject`, `flag`, `repair`, `off` or `on`, by rule."
    )
    banned_names: list[Any] | None = Field(None, description="Names that no pair may say, as they are written.")
    banned_words: list[Any] | None = Field(None, description="Words and phrases that no pair may say, in any case.")
    instruction_words: list[Any] | None = Field(None, description="The fewest and the most words, e.g. [3, 60].")
    response_words: list[Any] | None = Field(None, description="The fewest and the most words.")
    similarity: float | None = Field(None, description="From 0.5: how alike two questions are that count as one.")


class FilterRuleBody(BaseModel):
    """A rule, for the OpenAPI document."""

    code: str
    object: Literal["filter_rule"] = "filter_rule"
    family: str
    version: int = Field(description="Rises when the rule changes its mind about any pair.")
    description: str
    scope: Literal["pair", "job"] = Field(description="`job`: it compares all pairs of a job at its end.")
    severity: SeverityName = Field(description="What it does where it is on.")
    default: SeverityName = Field(
        description="What it does where an order says nothing; for `kind`, where it is given."
    )
    severities: list[SeverityName] = Field(description="What an order may set it to.")
    needs: list[str] = Field(description="Fields of the policy without which it finds nothing.")
    kinds: dict[str, list[str]] | None = Field(None, description="The kinds that have another default, by severity.")


class FilterRuleListBody(BaseModel):
    """All rules; their number is small."""

    object: Literal["list"] = "list"
    version: str
    data: list[FilterRuleBody]
    has_more: bool = False
    next_cursor: None = None


@router.get("/filters", response_model=FilterRuleListBody, summary="List the rules of the filter")
async def get_filters(
    request: Request,
    kind: Annotated[str | None, Query(max_length=200, description="As they are for a kind, `module.Class`.")] = None,
) -> Response:
    rules = await asyncio.to_thread(list_rules, kind)
    body = {"object": "list", "version": FILTER_VERSION, "data": rules, "has_more": False, "next_cursor": None}
    return answer_resource(request, body)
