"""Jobs over HTTP: order, watch, act, and what each left behind."""

from collections.abc import Awaitable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, begin_reading, begin_writing
from app.api.examples import ExamplesBody
from app.api.filters import FiltersBody
from app.api.grounding import GroundingOrder
from app.api.idempotency import IdempotencyKeyHeader, answer_once, require_key
from app.api.job_views import VOLATILE_FIELDS, JobList, JobView
from app.api.pages import PageDep, answer_json, answer_page, answer_resource
from app.api.rerun_previews import Direction, RerunPreview, answer_preview
from app.api.waiting import await_change, read_wait
from app.errors import Fault, NotFoundError
from app.ids import decode_id
from app.pipeline.lifecycle import FINAL_STATES, Action
from app.pipeline.policies import POLICIES
from app.pipeline.quotas import MOST_PAIRS_PER_ITEM, MOST_TARGET
from app.pipeline.translation_policy import MOST_ROUNDS
from app.resources import Resources
from app.services.estimates import estimate_job
from app.services.jobs import act_on_job, check_job, ring_job, submit_job, view_job, view_jobs
from app.services.planning import JobRequest
from app.services.rerun_previews import Wanted
from app.services.reruns import Rerun
from app.store.jobs import get_job, list_jobs

JobState = Literal[
    "validating", "queued", "in_progress", "paused", "finalizing",
    "completed", "cancelling", "cancelled", "failed", "expired",
]  # fmt: skip

Result = TypeVar("Result")

router = APIRouter(tags=["jobs"])


class SliceBody(Body):
    """Which items: positions from `start` to before `end`, of these `sample` at random by `seed`."""

    start: int | None = Field(None, ge=0)
    end: int | None = Field(None, ge=0)
    seed: int | None = Field(None, ge=0, le=2**63 - 1)
    sample: int | None = Field(None, ge=1)


class LimitsBody(Body):
    """Bounds of a job: dollars, an RFC 3339 time, calls in flight."""

    max_cost_usd: float | None = Field(None, gt=0, le=1e9)
    deadline_at: str | None = None
    concurrency: int | None = Field(None, ge=1, le=100_000)


class VisionBody(Body):
    """How pictures are shown: how many of an item, what they may cost together, and by which way."""

    max_images: int = Field(8, ge=1, le=100)
    tokens: int = Field(2000, ge=50, le=100_000, description="For all pictures of a call; it decides their size.")
    detail: Literal["auto", "low", "high"] = "auto"
    images: Literal["data", "url"] = "data"


class TranslationBody(Body):
    """What becomes of translations that keep failing their checks, and how hard they are tried."""

    on_failure: Literal["reject", "flag"] = Field("reject", description="Flag: stored with what was found.")
    back_translation: bool = Field(False, description="Read each translation back by a second call and compare.")
    rounds: int = Field(3, ge=1, le=MOST_ROUNDS, description="Replies about a pair before it is given up.")


class JobBody(Body):
    """An order; everything but the dataset has a default."""

    dataset_id: str
    prompt_id: str | None = Field(None, description="The prompt of the dataset's kind by default.")
    model: str | None = Field(None, min_length=1, max_length=200, description="The configured model by default.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="temperature, max_tokens, top_p, …")
    languages: list[str] = Field(
        default_factory=list, max_length=20, description="Translate into these: BCP-47 codes, e.g. zh, ar, pt-BR."
    )
    translation: TranslationBody | None = Field(None, description="How translations are judged.")
    stages: list[str] | None = Field(None, min_length=1, max_length=10)
    mode: Literal["online", "batch"] = "online"
    slice: SliceBody = Field(default_factory=lambda: SliceBody.model_construct())
    limits: LimitsBody = Field(default_factory=lambda: LimitsBody.model_construct())
    vision: bool | VisionBody = Field(False, description="Show the model the pictures of each item.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Yours; shown as given.")
    examples: ExamplesBody | None = Field(None, description="All of the prompt's, in its order, by default.")
    pairs_per_item: int | None = Field(
        None, ge=1, le=MOST_PAIRS_PER_ITEM, description="Exactly so many pairs of each item; see docs/counts.md."
    )
    target_pairs: int | None = Field(
        None, ge=1, le=MOST_TARGET, description="Stop once the job has exactly so many English pairs."
    )
    relation_rule: str | None = Field(
        None, max_length=40, description="Which pairs relate to a pair; the rule of the dataset's kind by default."
    )
    grounding: GroundingOrder = None
    filters: FiltersBody | None = Field(None, description="What the rules of the filter do; see GET /v1/filters.")


class RerunBody(Body):
    """From which step stored answers are worked again; nothing stored is paid for again."""

    from_: Literal["parse", "filter", "translate", "relate"] = Field(alias="from")
    relation_rule: str | None = Field(None, max_length=40, description="Relate by this rule from now on.")
    keep_manual: bool = Field(True, description="False: related pairs that were set by hand are chosen anew.")
    filters: FiltersBody | None = Field(None, description="What the rules of the filter do from now on.")


@router.post("/jobs", status_code=202, responses={202: {"model": JobView}})
async def post_job(
    request: Request,
    resources: ResourcesDep,
    body: JobBody,
    validate_only: Annotated[bool, Query(description="Check the order and change nothing; answers 200.")] = False,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Order a job; it is queued when this answers."""
    order = _read_order(body)
    if validate_only:
        return await _answer_check(resources, order)
    require_key(request, resources.settings)
    made: list[int] = []

    async def submit(session: AsyncSession) -> Response:
        job = await _pointing(submit_job(session, resources.settings, order))
        made.append(job.id)
        return _answer_accepted(await view_job(session, job))

    response = await answer_once(request, resources, submit)
    for job_id in made:
        await ring_job(resources, job_id)
    return response


@router.post("/jobs/estimate", responses={200: {"model": dict[str, Any]}})
async def post_estimate(
    resources: ResourcesDep, body: JobBody, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Calls, tokens, cost and duration of an order that is not placed; the same body as `POST /jobs`."""
    order = _read_order(body)
    async with begin_writing(resources) as session:
        return answer_json(await _pointing(estimate_job(session, resources.settings, order)))


@router.get("/jobs", responses={200: {"model": JobList}})
async def get_jobs(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    state: Annotated[JobState | None, Query()] = None,
    dataset_id: Annotated[str | None, Query()] = None,
) -> Response:
    """Jobs, the newest first."""
    dataset = None if dataset_id is None else decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        jobs = await list_jobs(session, page.after, page.limit + 1, state, dataset)
        shown = await view_jobs(session, jobs)
    return answer_page(request, page, shown, [job.id for job in jobs])


@router.get("/jobs/{job_id}", responses={200: {"model": JobView}, 304: {"description": "Nothing changed."}})
async def get_one_job(request: Request, resources: ResourcesDep, job_id: str) -> Response:
    """A job as it stands; with `Prefer: wait=30` the answer comes when its state changes, or after the wait."""
    number = decode_id("job", job_id)
    wait_s = read_wait(request)
    if wait_s is not None:
        await await_change(request, wait_s, partial(_read_state, resources, number), FINAL_STATES)
    async with begin_reading(resources) as session:
        shown = await view_job(session, await get_job(session, number))
    headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    if shown["state"] not in FINAL_STATES:
        headers["Retry-After"] = "1"
    return answer_resource(request, shown, volatile=VOLATILE_FIELDS, headers=headers)


@router.post("/jobs/{job_id}/pause", status_code=202, responses={202: {"model": JobView}})
async def pause_job(
    request: Request, resources: ResourcesDep, job_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Start no further call; answers in flight are kept."""
    return await _act(request, resources, job_id, "pause")


@router.post("/jobs/{job_id}/resume", status_code=202, responses={202: {"model": JobView}})
async def resume_job(
    request: Request, resources: ResourcesDep, job_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Go on with a paused job."""
    return await _act(request, resources, job_id, "resume")


@router.post("/jobs/{job_id}/cancel", status_code=202, responses={202: {"model": JobView}})
async def cancel_job(
    request: Request, resources: ResourcesDep, job_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """End a job; what it made is kept."""
    return await _act(request, resources, job_id, "cancel")


@router.post("/jobs/{job_id}/retry-failed", status_code=202, responses={202: {"model": JobView}})
async def retry_failed(
    request: Request, resources: ResourcesDep, job_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Try failed and quarantined items once more; the others are left alone."""
    return await _act(request, resources, job_id, "retry-failed")


@router.post(
    "/jobs/{job_id}/rerun",
    status_code=202,
    responses={200: {"model": RerunPreview, "description": "With `dry_run`."}, 202: {"model": JobView}},
)
async def rerun_job(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    body: RerunBody,
    page: PageDep,
    dry_run: Annotated[bool, Query(description="Change nothing, and say what would change; answers 200.")] = False,
    rule: Annotated[str | None, Query(max_length=100, description="Examples of this rule only.")] = None,
    direction: Annotated[Direction | None, Query(description="Examples of this direction only.")] = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Work stored answers again from a step on.

    With `dry_run` nothing is asked and nothing changes: the answer counts what would change by rule and direction, and
    has a page of examples (`limit`, `cursor`).
    """
    filters = None if body.filters is None else body.filters.model_dump(exclude_none=True)
    rerun = Rerun(body.from_, body.relation_rule, body.keep_manual, filters)
    if not dry_run:
        return await _act(request, resources, job_id, "rerun", rerun)
    return await answer_preview(
        request, resources, decode_id("job", job_id), rerun, Wanted(page.after or 0, page.limit, rule, direction), page
    )


def _read_order(body: JobBody) -> JobRequest:
    return JobRequest(
        dataset_id=_point_at("/dataset_id", "dataset", body.dataset_id),
        prompt_id=None if body.prompt_id is None else _point_at("/prompt_id", "prompt", body.prompt_id),
        model=body.model,
        parameters=body.parameters,
        languages=body.languages,
        stages=body.stages,
        mode=body.mode,
        vision=body.vision if isinstance(body.vision, bool) else body.vision.model_dump(),
        slice=body.slice.model_dump(exclude_none=True),
        limits=body.limits.model_dump(exclude_none=True),
        metadata=body.metadata,
        relation_rule=body.relation_rule,
        policies=body.model_dump(include=set(POLICIES), exclude_none=True),
    )


def _point_at(pointer: str, noun: str, text: str) -> int:
    try:
        return decode_id(noun, text)
    except NotFoundError as error:
        error.errors = (Fault(pointer, "not_found", f"{error.detail} GET /v1/{noun}s lists what there is."),)
        raise


async def _pointing(work: Awaitable[Result]) -> Result:
    """Say which field of the body named what is not there."""
    try:
        return await work
    except NotFoundError as error:
        noun = "prompt" if " prompt " in error.detail else "dataset"
        error.errors = (Fault(f"/{noun}_id", "not_found", f"{error.detail} GET /v1/{noun}s lists what there is."),)
        raise


async def _answer_check(resources: Resources, order: JobRequest) -> Response:
    async with begin_writing(resources) as session:
        return answer_json(await _pointing(check_job(session, resources.settings, order)))


def _answer_accepted(shown: dict[str, Any]) -> Response:
    return answer_json(shown, 202, {"Location": f"/v1/jobs/{shown['id']}", "Retry-After": "1"})


async def _act(
    request: Request, resources: Resources, job_id: str, action: Action, rerun: Rerun | None = None
) -> Response:
    number = decode_id("job", job_id)

    async def act(session: AsyncSession) -> Response:
        return _answer_accepted(await view_job(session, await act_on_job(session, number, action, rerun)))

    response = await answer_once(request, resources, act)
    if action in {"resume", "retry-failed", "rerun"}:
        await ring_job(resources, number)
    return response


async def _read_state(resources: Resources, job_id: int) -> str:
    async with begin_reading(resources) as session:
        return (await get_job(session, job_id)).state
