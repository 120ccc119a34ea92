"""Pairs over HTTP: pages, single ones, and the whole of a filter as a stream."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from app.api.deps import Body, ResourcesDep, accept_json, begin_reading, begin_writing, negotiate
from app.api.pages import PageDep, answer_json, answer_page, answer_resource, require_match
from app.errors import Fault, InvalidRequestError
from app.ids import decode_id
from app.pipeline.languages import is_language
from app.resources import Resources
from app.services.hand_relations import find_english_pair, relate_by_hand
from app.services.pairs import EXPANSIONS, view_pair, view_pairs, view_relations, view_translations
from app.store.pairs import PairFilter

NDJSON = "application/x-ndjson"
STREAM_BATCH = 1000

router = APIRouter(tags=["pairs"])


class PairView(BaseModel):
    """The shape of a pair, for the OpenAPI document: answers are written straight from rows."""

    id: str
    object: Literal["pair"] = "pair"
    job_id: str
    dataset_id: str
    item_id: str
    source_id: str
    ordinal: int = Field(description="Counts the item's pairs from 0.")
    conversation: int = Field(description="Counts the conversations of a reply from 0; 0 where there is only one.")
    round: int = Field(description="Counts the pairs of the conversation from 0.")
    language: str
    translation_of: str | None
    instruction: str
    response: str
    words: int
    status: Literal["accepted", "flagged", "rejected", "edited"]
    flags: list[str]
    image_ids: list[str]
    related_pair_ids: list[str] = Field(description="English pairs, whatever the language of this one.")
    etag: str
    created_at: str
    translations: list[dict[str, Any]] | None = Field(None, description="With `expand=translations`.")
    relations: list[dict[str, Any]] | None = Field(None, description="With `expand=relations`.")
    provenance: dict[str, Any] | None = Field(None, description="With `expand=provenance`.")
    review: dict[str, Any] | None = Field(None, description="With `expand=review`.")


class PairList(BaseModel):
    object: Literal["list"] = "list"
    data: list[PairView]
    has_more: bool
    next_cursor: str | None


class RelationsBody(Body):
    related_pair_ids: list[str] = Field(description="English pairs of the same job, in order, each once.")


class RelationsView(BaseModel):
    object: Literal["list"] = "list"
    rule: str | None = Field(description="How the related pairs were chosen.")
    data: list[PairView]


def read_filter(
    job_id: Annotated[str | None, Query(description="Pairs of one job.")] = None,
    dataset_id: Annotated[str | None, Query(description="Pairs of one dataset, over all its jobs.")] = None,
    language: Annotated[str, Query(max_length=40, description="A code of `GET /languages`; `*` for all.")] = "en",
    status: Annotated[Literal["accepted", "flagged", "rejected", "edited"] | None, Query()] = None,
    item_id: Annotated[str | None, Query(description="Pairs of one item.")] = None,
    image_id: Annotated[str | None, Query(max_length=1000, description="Pairs that show an image.")] = None,
    q: Annotated[
        str | None, Query(min_length=1, max_length=1000, description="A part of instruction or response, in any case.")
    ] = None,
    min_words: Annotated[
        int | None, Query(ge=0, le=1_000_000, description="Words of instruction and response.")
    ] = None,
    flag: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Pairs that a rule has flagged so.")
    ] = None,
    min_score: Annotated[
        int | None, Query(ge=0, le=1000, description="The score is the number of flags: how many rules have doubts.")
    ] = None,
    reviewed: Annotated[
        bool | None, Query(description="Whether a person has judged the pair as it stands now.")
    ] = None,
    reviewer: Annotated[str | None, Query(min_length=1, max_length=200, description="Judged by this person.")] = None,
    not_reviewer: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Not judged by this person.")
    ] = None,
) -> PairFilter:
    """The filters that pages and streams share.

    Raises NotFoundError for an id that cannot exist, InvalidRequestError for a code of no language.
    """
    if language != "*" and not is_language(language):
        mend = "GET /v1/languages?all=true lists the languages; a code may add a script and a region (zh-Hant, pt-BR)."
        fault = Fault("language", "unknown_language", f"{language!r} is no code of a language. {mend}")
        raise InvalidRequestError(fault.message, errors=[fault])
    return PairFilter(
        job_id=None if job_id is None else decode_id("job", job_id),
        dataset_id=None if dataset_id is None else decode_id("dataset", dataset_id),
        language=language,
        status=status,
        item_id=None if item_id is None else decode_id("item", item_id),
        image_id=image_id,
        text=q,
        min_words=min_words,
        flag=flag,
        min_score=min_score,
        reviewed=reviewed,
        reviewer=reviewer,
        not_reviewer=not_reviewer,
    )


def read_expand(
    expand: Annotated[
        str | None, Query(description=f"Any of {', '.join(EXPANSIONS)}; separate them by commas.")
    ] = None,
) -> frozenset[str]:
    """What is to be expanded; raises InvalidRequestError for anything else."""
    asked = frozenset(part.strip() for part in (expand or "").split(",") if part.strip())
    unknown = sorted(asked - set(EXPANSIONS))
    if unknown:
        fault = Fault(
            "expand", "unknown_expansion", f"There is no {unknown[0]!r}; take any of {', '.join(EXPANSIONS)}."
        )
        raise InvalidRequestError("Unknown expansion.", errors=[fault])
    return asked


FilterDep = Annotated[PairFilter, Depends(read_filter)]
ExpandDep = Annotated[frozenset[str], Depends(read_expand)]


@router.get("/pairs", responses={200: {"model": PairList}}, dependencies=[Depends(accept_json)])
async def get_pairs(
    request: Request, resources: ResourcesDep, asked: FilterDep, page: PageDep, expand: ExpandDep
) -> Response:
    """Pairs by id; English ones unless `language` says otherwise."""
    async with begin_reading(resources) as session:
        shown, numbers = await view_pairs(session, asked, page.after or 0, page.limit + 1, expand)
    return answer_page(request, page, shown, numbers)


@router.get("/pairs/stream", responses={200: {"content": {NDJSON: {}}}})
async def stream_pairs(request: Request, resources: ResourcesDep, asked: FilterDep, expand: ExpandDep) -> Response:
    """Every pair of a filter, one JSON object a line; the last line `{"object": "stream.end"}` counts them.

    A body without that line was cut.
    """
    negotiate(request, NDJSON, "application/json")
    async with begin_reading(resources) as session:
        first = await view_pairs(session, asked, 0, STREAM_BATCH, expand)
    return StreamingResponse(_write_lines(resources, asked, expand, first), media_type=NDJSON)


@router.get("/pairs/{pair_id}", responses={200: {"model": PairView}}, dependencies=[Depends(accept_json)])
async def get_pair(request: Request, resources: ResourcesDep, pair_id: str, expand: ExpandDep) -> Response:
    """One pair in any language."""
    async with begin_reading(resources) as session:
        shown = await view_pair(session, decode_id("pair", pair_id), expand)
    return answer_resource(request, shown, etag=None if expand else shown["etag"])


@router.get("/pairs/{pair_id}/translations", responses={200: {"model": PairList}}, dependencies=[Depends(accept_json)])
async def get_translations(resources: ResourcesDep, pair_id: str) -> Response:
    """The translations of a pair (of its English one, when it is a translation itself), by language."""
    async with begin_reading(resources) as session:
        shown = await view_translations(session, decode_id("pair", pair_id))
    return answer_json({"object": "list", "data": shown, "has_more": False, "next_cursor": None})


@router.get(
    "/pairs/{pair_id}/relations", responses={200: {"model": RelationsView}}, dependencies=[Depends(accept_json)]
)
async def get_relations(request: Request, resources: ResourcesDep, pair_id: str) -> Response:
    """The related pairs in their order, in English, and the rule that chose them."""
    number = decode_id("pair", pair_id)
    async with begin_reading(resources) as session:
        etag = (await view_pair(session, number))["etag"]
        rule, shown = await view_relations(session, number)
    return answer_resource(request, _list_relations(rule, shown), etag=etag)


@router.put(
    "/pairs/{pair_id}/relations", responses={200: {"model": RelationsView}}, dependencies=[Depends(accept_json)]
)
async def put_relations(request: Request, resources: ResourcesDep, pair_id: str, body: RelationsBody) -> Response:
    """Set the related pairs by hand, in this order; `If-Match` names the pair's etag.

    The rule is `manual` from then on, and a rerun keeps the list unless it is told otherwise.
    """
    number = decode_id("pair", pair_id)
    async with begin_writing(resources) as session:
        english = await find_english_pair(session, number)
        require_match(request, (await view_pair(session, number))["etag"])
        await relate_by_hand(session, english, body.related_pair_ids)
        etag = (await view_pair(session, number))["etag"]
        rule, shown = await view_relations(session, number)
    return answer_json(_list_relations(rule, shown), headers={"ETag": f'"{etag}"'})


def _list_relations(rule: str | None, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "rule": rule, "data": shown, "has_more": False, "next_cursor": None}


async def _write_lines(
    resources: Resources, asked: PairFilter, expand: frozenset[str], batch: tuple[list[dict[str, Any]], list[int]]
) -> AsyncIterator[bytes]:
    """One short read per batch: no transaction stays open, however slowly the client reads."""
    count = 0
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    while True:
        shown, numbers = batch
        count += len(shown)
        if shown:
            yield b"".join([orjson.dumps(pair, option=options) for pair in shown])
        if len(shown) < STREAM_BATCH:
            break
        async with begin_reading(resources) as session:
            batch = await view_pairs(session, asked, numbers[-1], STREAM_BATCH, expand)
    yield orjson.dumps({"object": "stream.end", "count": count}, option=options)
