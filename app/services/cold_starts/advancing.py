"""Automatic cold starts: the leader among the workers takes each one step further when its job has ended."""

import logging
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import AppError, NotFoundError
from app.ids import decode_id, encode_id
from app.pipeline.judging import Verdict, judge_prompt, pose_question, read_verdict
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.cold_starts.candidates import Candidate, Course, read_course, score_course
from app.services.cold_starts.deciding import decide_alone, pick_best
from app.services.cold_starts.freezing import freeze
from app.services.cold_starts.rounds import RoundOrder, generate_round
from app.services.cold_starts.standing import read_conditions
from app.services.judging import JudgeOrder, order_judge, read_judge_texts
from app.services.prompts import NewPrompt
from app.settings import Settings
from app.store.cold_starts import get_cold_start, list_automatic
from app.store.jobs import get_job
from app.store.models import ColdStartRound

log = logging.getLogger("syphus.cold_starts")

JUDGE_PROMPT_NAME = "cold-start-judge"

_AT_ONCE = 20


async def advance_cold_starts(resources: Resources) -> None:
    """One step for each automatic cold start whose newest job has ended; what cannot go on says why."""
    async with resources.sessions() as session:
        waiting = await list_automatic(session, _AT_ONCE)
    for cold_start_id in waiting:
        try:
            await _score(resources, cold_start_id)
            async with resources.sessions.begin() as session:
                await advance(session, resources.settings, cold_start_id)
        except AppError as error:
            log.warning("cold_start_stopped", extra={"cold_start": cold_start_id, "error": error.code})
            with suppress(NotFoundError):  # it was deleted meanwhile
                async with resources.sessions.begin() as session:
                    cold_start = await get_cold_start(session, cold_start_id, lock=True)
                    cold_start.reason = error.detail[:500]


async def advance(session: AsyncSession, settings: Settings, cold_start_id: int) -> None:
    """Judge the newest round, then freeze, or order the next round, or stop. The first round is a person's to order."""
    cold_start = await get_cold_start(session, cold_start_id, lock=True)
    if cold_start.automatic is None or cold_start.state == "frozen" or cold_start.reason is not None:
        return
    course = await read_course(session, cold_start)
    if not course.rounds:
        return
    newest = course.rounds[-1]
    job = await get_job(session, newest.job_id)
    if job.state not in FINAL_STATES:
        return
    if newest.decided_at is None:
        if not await _decide_round(session, settings, course, newest):
            return
        course = await read_course(session, cold_start)
    conditions = await read_conditions(session, course)
    if all(each.is_met for each in conditions):
        await freeze(session, course, is_automatic=True)
    elif len(course.rounds) >= cold_start.automatic["max_rounds"]:
        missing = " ".join(each.message for each in conditions if not each.is_met)
        cold_start.reason = f"It stopped after {len(course.rounds)} round(s): {missing}"
    elif job.state != "completed":
        cold_start.reason = f"The job of round {newest.number} is {job.state}: {job.reason or 'no reason is known'}."
    else:
        await generate_round(session, settings, course, RoundOrder(with_examples=bool(course.examples)))


async def _score(resources: Resources, cold_start_id: int) -> None:
    """Score its candidates beside the loop, so that deciding about them holds no lock for long."""
    async with resources.sessions() as session:
        course = await read_course(session, await get_cold_start(session, cold_start_id), scores=False)
    await score_course(resources.sessions, course)


async def _decide_round(session: AsyncSession, settings: Settings, course: Course, newest: ColdStartRound) -> bool:
    """Decide about the open candidates of the newest round; False while the judge is at work."""
    automatic = course.cold_start.automatic or {}
    judge_model = automatic.get("judge_model")
    candidates = [
        each for each in course.of_round(newest.number) if each.row.status == "open" and each.state == "ready"
    ]
    if judge_model is None or not candidates:
        fit = [each for each in candidates if (each.worth or 0.0) >= automatic["accept_score"]]
        fit.sort(key=lambda each: each.worth or 0.0, reverse=True)
        _write_decisions(course, candidates, fit, decided_by="score")
    elif newest.judge_job_id is None:
        newest.judge_job_id = await _order_judge(session, settings, course, newest, candidates, judge_model)
        await session.flush()
        return False
    else:
        if (await get_job(session, newest.judge_job_id)).state not in FINAL_STATES:
            return False
        verdicts = await _read_verdicts(session, newest.judge_job_id)
        judged = [each for each in candidates if each.row.id in verdicts]
        for each in judged:
            each.row.verdict = verdicts[each.row.id].describe()
        fit = [each for each in judged if verdicts[each.row.id].accepts]
        fit.sort(key=lambda each: (verdicts[each.row.id].score or 0, each.worth or 0.0), reverse=True)
        _write_decisions(course, judged, fit, decided_by="judge")
    newest.decided_at = utc_now()
    await session.flush()
    return True


def _write_decisions(course: Course, judged: list[Candidate], fit: list[Candidate], *, decided_by: str) -> None:
    """Reject what is not fit, and accept of the rest (best first) what the stop rule asks for, no more.

    Of the candidates held out only a judge rejects any: their scores are what is measured.
    """
    for each in judged:
        if each not in fit and (decided_by == "judge" or not each.row.is_held_out):
            decide_alone(each, accepts=False, decided_by=decided_by)
    wanted = course.cold_start.stop_rule["examples"]
    ranked = [each for each in fit if not each.row.is_held_out]
    for each in pick_best(course, ranked, wanted):
        decide_alone(each, accepts=True, decided_by=decided_by)


async def _order_judge(
    session: AsyncSession,
    settings: Settings,
    course: Course,
    newest: ColdStartRound,
    candidates: list[Candidate],
    judge_model: str,
) -> int:
    """A judging job with an item for each candidate; its id."""
    cold_start = course.cold_start
    public_id = encode_id("cold_start", cold_start.id)
    order = JudgeOrder(
        name=f"{public_id}-round-{newest.number}",
        shown={encode_id("candidate", each.row.id): pose_question(each.sentences, each.content) for each in candidates},
        prompt=NewPrompt(JUDGE_PROMPT_NAME, judge_prompt()),
        model=judge_model,
        limits=cold_start.limits,
        metadata={"cold_start_id": public_id, "round": newest.number},
    )
    return (await order_judge(session, settings, order)).id


async def _read_verdicts(session: AsyncSession, judge_job_id: int) -> dict[int, Verdict]:
    """By candidate what the judge said; one that cannot be read is none."""
    said = {name: read_verdict(text) for name, text in (await read_judge_texts(session, judge_job_id)).items()}
    return {decode_id("candidate", name): verdict for name, verdict in said.items() if verdict is not None}
