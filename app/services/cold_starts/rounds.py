"""Rounds: the next job over the items of a cold start."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError
from app.ids import encode_id
from app.pipeline.values import Prompt, Stage
from app.services.cold_starts.candidates import Candidate, Course, turns_of
from app.services.cold_starts.making import MOST_ROUNDS, check_open
from app.services.cold_starts.standing import is_running
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.services.prompts import REPLY_FORMATS, NewPrompt, store_prompt
from app.settings import Settings
from app.store.cold_starts import add_candidates
from app.store.models import ColdStart, ColdStartRound


@dataclass(frozen=True, slots=True)
class RoundOrder:
    """How the next round asks; `limits` override those of the cold start, as in an order of a job."""

    with_examples: bool = False
    limits: dict[str, Any] = field(default_factory=dict)


async def generate_round(
    session: AsyncSession, settings: Settings, course: Course, order: RoundOrder
) -> ColdStartRound:
    """Order the job of the next round of a locked cold start; ring for it after the commit.

    The prompt is the system message alone, or with the accepted examples, whose items are then left out: a prompt
    is not asked about what it shows. Raises ConflictError (frozen, a round under way, no example to show, too many
    rounds), and what the order of a job raises.
    """
    cold_start = course.cold_start
    check_open(cold_start)
    if await is_running(session, course.rounds):
        name = encode_id("job", course.rounds[-1].job_id)
        message = f"Round {course.rounds[-1].number} is not done ({name}); wait for it, resume it, or cancel it."
        raise ConflictError(message, retry_after_s=1)
    if len(course.rounds) >= MOST_ROUNDS:
        raise ConflictError(f"A cold start has at most {MOST_ROUNDS} rounds; begin another one.")
    examples = course.examples if order.with_examples else []
    if order.with_examples and not examples:
        raise ConflictError("No candidate is accepted, so there is no example to show; accept some, or ask without.")
    cold_start.reason = None
    number = len(course.rounds) + 1
    prompt = Prompt(cold_start.system_message, turns_of(examples))
    new = NewPrompt(f"{cold_start.name}.rounds", prompt, REPLY_FORMATS[cold_start.reply_format], course.kind_name)
    row, _ = await store_prompt(session, new)
    asked = _leave_out(course, examples)
    job = await submit_job(session, settings, _order_job(cold_start, row.id, number, asked, order))
    made = ColdStartRound(
        cold_start_id=cold_start.id,
        number=number,
        job_id=job.id,
        prompt_id=row.id,
        with_examples=order.with_examples,
        created_at=utc_now(),
    )
    session.add(made)
    await session.flush()
    await add_candidates(session, [_candidate(cold_start, number, each) for each in asked])
    return made


def _leave_out(course: Course, examples: list[Candidate]) -> list[dict[str, Any]]:
    """The chosen items without those that examples show, and those whose annotation is word for word the same."""
    texts = {each.row.item_id: each.sentences.strip() for each in course.candidates}
    shown = {each.sentences.strip() for each in examples}
    return [each for each in course.cold_start.chosen if texts.get(each["item_id"]) not in shown]


def _order_job(
    cold_start: ColdStart, prompt_id: int, number: int, asked: list[dict[str, Any]], order: RoundOrder
) -> JobRequest:
    return JobRequest(
        dataset_id=cold_start.dataset_id,
        prompt_id=prompt_id,
        model=cold_start.model,
        parameters=cold_start.parameters,
        stages=[Stage.GENERATE.value],
        limits={**cold_start.limits, **order.limits},
        vision=cold_start.vision,
        metadata={"cold_start_id": encode_id("cold_start", cold_start.id), "round": number},
        positions=tuple(each["position"] for each in asked),
    )


def _candidate(cold_start: ColdStart, number: int, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "cold_start_id": cold_start.id,
        "round": number,
        "item_id": item["item_id"],
        "cluster": item["cluster"],
        "is_held_out": item["held_out"],
    }
