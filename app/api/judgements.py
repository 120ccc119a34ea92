"""Judgements over HTTP: let a model score a sample of a job's pairs, and see how far it and the rules agree."""

import asyncio
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, begin_reading
from app.api.idempotency import IdempotencyKeyHeader, answer_once, require_key
from app.api.job_views import ItemCounts, JobUsage
from app.api.jobs import LimitsBody
from app.api.pages import PageDep, answer_json, answer_page, answer_resource
from app.api.waiting import await_change, read_wait
from app.ids import decode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.jobs import ring_job
from app.services.judgements import (
    DEFAULT_ITEMS,
    MOST_ITEMS,
    JudgementRequest,
    get_judgement,
    order_judgement,
    read_evidence,
    view_judgements,
    write_report,
)
from app.store.jobs import get_job
from app.store.judged_rows import list_judging_jobs

router = APIRouter(tags=["judgements"])


class JudgementBody(Body):
    """Which pairs are judged, by whom, and for how much; everything has a default."""

    items: int = Field(DEFAULT_ITEMS, ge=1, le=MOST_ITEMS, description="How many items are drawn; a call each.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Which items are drawn.")
    model: str | None = Field(None, min_length=1, max_length=200, description="The configured model by default.")
    limits: LimitsBody = Field(default_factory=lambda: LimitsBody.model_construct(), description="Of the judging job.")


class AgreementView(BaseModel):
    """How far judge and rules agree; what is `wrong` to the judge has a score below 2."""

    pairs: int
    observed: float | None = Field(description="The share of pairs on which both say the same.")
    expected: float | None = Field(description="That share by chance.")
    kappa: float | None = Field(description="Cohen's; None where chance explains everything.")
    rules_and_judge: dict[str, int] = Field(description="Pairs by what the rules, and what the judge, say of them.")


class JudgementReport(BaseModel):
    model: str
    items: int
    pairs: int
    unjudged: int = Field(description="Pairs without a score.")
    unusable_scores: int = Field(description="Scores out of range, twice, or of pairs that were not asked about.")
    scores: dict[str, int] = Field(description="Pairs by score, from 0 to 4.")
    agreement: AgreementView
    agreement_by_class: dict[str, AgreementView] = Field(
        description="Of pairs with a claim of the class that the rules could decide; the rules speak of it alone."
    )
    disputed: list[str] = Field(description="Ids of pairs on which judge and rules differ.")
    failed_calls: dict[str, int] = Field(description="Items without a usable reply, by code.")
    changed_since: list[str] = Field(description="Ids of pairs that were changed or decided about since.")
    deleted_since: list[str]
    usage: JobUsage = Field(description="By the ledger of calls.")
    cost_usd: float | None


class JudgementEntry(BaseModel):
    id: str
    object: Literal["judgement"] = "judgement"
    judged_job_id: str
    job_id: str = Field(description="The judging job: pause, resume or cancel it as any job.")
    dataset_id: str = Field(description="What the judge is shown; an item for each that was drawn.")
    model: str
    seed: int
    limits: dict[str, Any]
    state: str = Field(description="Of the judging job.")
    reason: str | None
    items: ItemCounts
    usage: JobUsage
    cost_usd: float | None
    created_at: str
    finished_at: str | None


class JudgementView(JudgementEntry):
    report: JudgementReport | None = Field(description="None until the judging job has ended.")


class JudgementList(BaseModel):
    object: Literal["list"] = "list"
    data: list[JudgementEntry]
    has_more: bool
    next_cursor: str | None


@router.post(
    "/jobs/{job_id}/judgements",
    status_code=202,
    responses={202: {"model": JudgementView}},
    summary="Let a model judge a sample of a job's pairs",
)
async def post_judgement(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    body: JudgementBody | None = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Draw the items and order the judging job; nothing of the judged job changes. 409 where it has no pairs."""
    require_key(request, resources.settings)
    body = body or JudgementBody.model_validate({})
    order = JudgementRequest(
        decode_id("job", job_id), body.items, body.seed, body.model, body.limits.model_dump(exclude_none=True)
    )
    made: list[int] = []

    async def judge(session: AsyncSession) -> Response:
        judging = await order_judgement(session, resources.settings, order)
        made.append(judging.id)
        (shown,) = await view_judgements(session, [judging])
        headers = {"Location": f"/v1/jobs/{job_id}/judgements/{shown['id']}", "Retry-After": "1"}
        return answer_json({**shown, "report": None}, 202, headers)

    response = await answer_once(request, resources, judge)
    for number in made:
        await ring_job(resources, number)
    return response


@router.get(
    "/jobs/{job_id}/judgements",
    responses={200: {"model": JudgementList}},
    summary="List the judgements of a job, the newest first",
)
async def get_judgements(request: Request, resources: ResourcesDep, job_id: str, page: PageDep) -> Response:
    number = decode_id("job", job_id)
    async with begin_reading(resources) as session:
        await get_job(session, number)
        jobs = await list_judging_jobs(session, number, page.after, page.limit + 1)
        shown = await view_judgements(session, jobs)
    return answer_page(request, page, shown, [job.id for job in jobs])


@router.get(
    "/jobs/{job_id}/judgements/{judgement_id}",
    responses={200: {"model": JudgementView}, 304: {"description": "Nothing changed."}},
    summary="Read a judgement",
)
async def get_one_judgement(request: Request, resources: ResourcesDep, job_id: str, judgement_id: str) -> Response:
    """Its state and, once its job has ended, the report. `Prefer: wait=30` answers when the state changes."""
    number = decode_id("job", job_id)
    wait_s = read_wait(request)
    if wait_s is not None:
        await await_change(request, wait_s, partial(_read_state, resources, number, judgement_id), FINAL_STATES)
    async with begin_reading(resources) as session:
        judging = await get_judgement(session, number, judgement_id)
        (shown,) = await view_judgements(session, [judging])
        evidence = await read_evidence(session, judging)
    report = None if evidence is None else await asyncio.to_thread(write_report, evidence)
    headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    if report is None:
        headers["Retry-After"] = "1"
    return answer_resource(request, {**shown, "report": report}, headers=headers)


async def _read_state(resources: Resources, job_id: int, judgement_id: str) -> str:
    async with begin_reading(resources) as session:
        return (await get_judgement(session, job_id, judgement_id)).state
