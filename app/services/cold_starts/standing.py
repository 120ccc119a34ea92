"""Where a cold start stands: what its stop rule asks for, and what is still missing."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.lifecycle import FINAL_STATES
from app.pipeline.stop_rule import Condition, Standing, StopRule, weigh_conditions
from app.services.cold_starts.candidates import Candidate, Course
from app.store.jobs import get_job
from app.store.models import ColdStartRound
from app.store.prompts import get_prompt


async def read_conditions(session: AsyncSession, course: Course) -> tuple[Condition, ...]:
    """Every condition of the stop rule, met or not."""
    return weigh_conditions(StopRule(**course.cold_start.stop_rule), await _read_standing(session, course))


def mean_worth(candidates: list[Candidate]) -> float | None:
    """The mean of what candidates count; None where none counts yet."""
    found = [worth for each in candidates if (worth := each.worth) is not None]
    return round(sum(found) / len(found), 4) if found else None


def score_rounds(course: Course) -> list[float | None]:
    """By round the mean score on the items held out."""
    return [mean_worth([each for each in course.of_round(one.number) if each.row.is_held_out]) for one in course.rounds]


async def is_running(session: AsyncSession, rounds: Sequence[ColdStartRound]) -> bool:
    """Whether the job of the newest round is still to end."""
    if not rounds:
        return False
    return (await get_job(session, rounds[-1].job_id)).state not in FINAL_STATES


async def _read_standing(session: AsyncSession, course: Course) -> Standing:
    examples = course.examples
    is_measured = True
    if course.rounds:
        asked = await get_prompt(session, course.rounds[-1].prompt_id)
        is_measured = asked.system_message == course.cold_start.system_message
    return Standing(
        examples=len(examples),
        able=sum(not each["held_out"] for each in course.cold_start.chosen),
        clusters=course.cold_start.clusters,
        covered=len({each.row.cluster for each in examples}),
        scores=tuple(score_rounds(course)),
        is_running=await is_running(session, course.rounds),
        is_measured=is_measured,
    )
