"""Reviews over HTTP: accept, edit or reject pairs, and see what waits and how far reviewers agree."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, accept_json, begin_reading, begin_writing
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.job_views import JobView
from app.api.pages import answer_json, answer_resource, read_etags
from app.api.pairs import PairView
from app.errors import AppError, Fault, InvalidRequestError, NotFoundError
from app.ids import decode_id
from app.pipeline.values import Pair
from app.services.hand_translations import put_translation
from app.services.jobs import ring_job, view_job
from app.services.pair_removal import delete_pair
from app.services.retranslation import retranslate_job
from app.services.review_summaries import summarise_agreement, summarise_review
from app.services.reviewing import ANONYMOUS, Result, Review, review_pair, review_pairs

MOST_ROWS = 1000

LanguageQuery = Annotated[
    str | None, Query(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", description="One language; all by default.")
]

router = APIRouter(tags=["review"], dependencies=[Depends(accept_json)])


class ReviewerBody(Body):
    """Who says it; by default a short name of the key that was sent, or `anonymous`."""

    reviewer: str | None = Field(None, min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)


class ReviewBody(ReviewerBody):
    """Accept or reject a pair by `status`, or edit it by a new `instruction`, `response` or both."""

    status: Literal["accepted", "edited", "rejected"] | None = None
    instruction: str | None = None
    response: str | None = None


class ReviewRow(ReviewBody):
    """A review within a batch: of which pair, in which version."""

    id: str
    etag: str | None = Field(None, max_length=200)


class BatchBody(Body):
    """Reviews in their order; each is judged by itself."""

    rows: list[Any] = Field(min_length=1, max_length=MOST_ROWS, description="Each as in `PATCH`, with `id` and `etag`.")
    reviewer: str | None = Field(None, min_length=1, max_length=200, description="Of rows that name none.")


class RowError(BaseModel):
    code: str
    detail: str
    errors: list[dict[str, Any]]


class RowResult(BaseModel):
    """What became of a row: the pair as it stands after it, or what refused it."""

    index: int
    id: str | None
    status: int
    pair: PairView | None
    error: RowError | None


class BatchView(BaseModel):
    object: Literal["batch_review"] = "batch_review"
    counts: dict[str, int] = Field(description="`rows`, `done`, `refused`.")
    results: list[RowResult]


class TranslationBody(ReviewerBody):
    instruction: str
    response: str


class RetranslateBody(Body):
    languages: list[str] | None = Field(None, min_length=1, max_length=100, description="All of the job's by default.")
    include_edited: bool = Field(False, description="Replace stale translations that a person wrote, too.")


@router.patch("/pairs/{pair_id}", responses={200: {"model": PairView}})
async def patch_pair(request: Request, resources: ResourcesDep, pair_id: str, body: ReviewBody) -> Response:
    """Accept, edit or reject a pair; `If-Match` names its etag. What the model wrote is kept among its edits."""
    etags = read_etags(request.headers.get("if-match"))
    review = _make_review(decode_id("pair", pair_id), etags, body, name_reviewer(request, body.reviewer))
    async with begin_writing(resources) as session:
        shown = await review_pair(session, review)
    return answer_json(shown, headers={"ETag": f'"{shown["etag"]}"'})


@router.delete("/pairs/{pair_id}", status_code=204)
async def remove_pair(request: Request, resources: ResourcesDep, pair_id: str) -> Response:
    """Delete a pair for good; `If-Match` names its etag. An English pair takes its translations along.

    Other pairs stop naming it as related. A rerun that reads the reply again brings it back: reject it to keep it out.
    """
    number = decode_id("pair", pair_id)
    async with begin_writing(resources) as session:
        await delete_pair(session, number, read_etags(request.headers.get("if-match")))
    return Response(status_code=204)


@router.post("/pairs/batch-review", responses={200: {"model": BatchView}})
async def post_batch_review(
    request: Request, resources: ResourcesDep, body: BatchBody, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Up to 1,000 reviews; each row has its own etag and its own result, and one that is refused stops no other."""
    read = [_read_row(index, row, name_reviewer(request, body.reviewer)) for index, row in enumerate(body.rows)]

    async def review(session: AsyncSession) -> Response:
        done = iter(await review_pairs(session, [row for row in read if isinstance(row, Review)]))
        results = [row if isinstance(row, AppError) else next(done) for row in read]
        return answer_json(_describe_batch(body.rows, results))

    return await answer_once(request, resources, review)


@router.put(
    "/pairs/{pair_id}/translations/{language}",
    responses={200: {"model": PairView}, 201: {"model": PairView, "description": "There was none before."}},
)
async def put_one_translation(
    request: Request, resources: ResourcesDep, pair_id: str, language: str, body: TranslationBody
) -> Response:
    """Write a translation by hand; where there is one already, `If-Match` names its etag."""
    etags = read_etags(request.headers.get("if-match"))
    async with begin_writing(resources) as session:
        shown, is_new = await put_translation(
            session,
            decode_id("pair", pair_id),
            language,
            Pair(body.instruction, body.response),
            etags,
            reviewer=name_reviewer(request, body.reviewer),
            note=body.note,
        )
    headers = {"ETag": f'"{shown["etag"]}"'} | ({"Location": f"/v1/pairs/{shown['id']}"} if is_new else {})
    return answer_json(shown, 201 if is_new else 200, headers)


@router.post("/jobs/{job_id}/retranslate", status_code=202, responses={202: {"model": JobView}})
async def retranslate(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    body: RetranslateBody | None = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Ask again for the stale translations of a job that has ended, and for nothing else; old ones stay until then.

    `retranslating` counts them by language; a job without any stays as it is.
    """
    number = decode_id("job", job_id)
    wanted = body or RetranslateBody(languages=None, include_edited=False)

    async def act(session: AsyncSession) -> Response:
        job, asked = await retranslate_job(session, number, wanted.languages, with_edited=wanted.include_edited)
        shown = await view_job(session, job) | {"retranslating": asked}
        return answer_json(shown, 202, {"Location": f"/v1/jobs/{shown['id']}", "Retry-After": "1"})

    response = await answer_once(request, resources, act)
    await ring_job(resources, number)
    return response


@router.get("/jobs/{job_id}/review", responses={200: {"model": dict[str, Any]}})
async def get_review(request: Request, resources: ResourcesDep, job_id: str) -> Response:
    """How many pairs of a job wait for a person, by language, status and flag."""
    async with begin_reading(resources) as session:
        shown = await summarise_review(session, decode_id("job", job_id))
    return answer_resource(request, shown)


@router.get("/jobs/{job_id}/agreement", responses={200: {"model": dict[str, Any]}})
async def get_agreement(
    request: Request, resources: ResourcesDep, job_id: str, language: LanguageQuery = None
) -> Response:
    """How far reviewers agree about the pairs that two of them judged: raw agreement and Cohen's kappa."""
    async with begin_reading(resources) as session:
        shown = await summarise_agreement(session, decode_id("job", job_id), language)
    return answer_resource(request, shown)


def name_reviewer(request: Request, given: str | None) -> str:
    return given or request.state.principal or ANONYMOUS


def _make_review(pair_id: int, etags: Sequence[str], body: ReviewBody, reviewer: str, pointer: str = "") -> Review:
    return Review(pair_id, tuple(etags), body.status, body.instruction, body.response, body.note, reviewer, pointer)


def _read_row(index: int, row: Any, reviewer: str) -> Review | AppError:
    """A row of a batch, or what is wrong with it."""
    pointer = f"/rows/{index}"
    try:
        body = ReviewRow.model_validate(row)
        pair_id = decode_id("pair", body.id)
    except ValidationError as error:
        faults = [
            Fault(pointer + "".join(f"/{part}" for part in entry["loc"]), str(entry["type"]), f"{entry['msg']}.")
            for entry in error.errors()
        ]
        return InvalidRequestError("The row is not valid.", errors=faults)
    except NotFoundError as error:
        return error
    return _make_review(pair_id, read_etags(body.etag), body, body.reviewer or reviewer, pointer)


def _describe_batch(rows: Sequence[Any], results: Sequence[Result]) -> dict[str, Any]:
    described = [
        _describe_row(index, row, result) for index, (row, result) in enumerate(zip(rows, results, strict=True))
    ]
    done = sum(entry["status"] == 200 for entry in described)
    counts = {"rows": len(described), "done": done, "refused": len(described) - done}
    return {"object": "batch_review", "counts": counts, "results": described}


def _describe_row(index: int, row: Any, result: Result) -> dict[str, Any]:
    named = row.get("id") if isinstance(row, dict) else None
    head = {"index": index, "id": named if isinstance(named, str) else None}
    if not isinstance(result, AppError):
        return head | {"status": 200, "pair": result, "error": None}
    faults = [{"pointer": fault.pointer, "code": fault.code, "message": fault.message} for fault in result.errors]
    error = {"code": result.code, "detail": result.detail, "errors": faults}
    return head | {"status": result.status, "pair": None, "error": error}
