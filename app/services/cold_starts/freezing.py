"""Freezing: what was accepted becomes an immutable version of a prompt, once the stop rule is met."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError, Fault
from app.ids import encode_id
from app.pipeline.values import Prompt
from app.services.cold_starts.candidates import Candidate, Course, turns_of
from app.services.cold_starts.standing import read_conditions, score_rounds
from app.services.prompts import REPLY_FORMATS, NewPrompt, store_prompt
from app.store import models
from app.store.prompts import get_prompt


async def freeze(session: AsyncSession, course: Course, *, is_automatic: bool = False) -> models.Prompt:
    """The prompt version of a locked cold start, made now or earlier: freezing twice is freezing once.

    Raises ConflictError (`not_satisfactory`) with a fault for each condition that is not met.
    """
    cold_start = course.cold_start
    if cold_start.prompt_id is not None:
        return await get_prompt(session, cold_start.prompt_id)
    conditions = await read_conditions(session, course)
    unmet = [each for each in conditions if not each.is_met]
    if unmet:
        raise ConflictError(
            f"The examples are not satisfactory yet: {' '.join(each.message for each in unmet)}",
            code="not_satisfactory",
            errors=[Fault(f"/stop_rule/{each.code}", each.code, each.message) for each in unmet],
            extra={"conditions": [each.describe() for each in conditions]},
        )
    examples = course.examples
    new = NewPrompt(
        cold_start.name,
        Prompt(cold_start.system_message, turns_of(examples)),
        REPLY_FORMATS[cold_start.reply_format],
        course.kind_name,
        _tell_provenance(course, examples, is_automatic=is_automatic),
    )
    prompt, _ = await store_prompt(session, new)
    cold_start.state, cold_start.prompt_id, cold_start.frozen_at = "frozen", prompt.id, utc_now()
    cold_start.reason = None
    cold_start.revision += 1
    await session.flush()
    return prompt


def _tell_provenance(course: Course, examples: list[Candidate], *, is_automatic: bool) -> dict[str, Any]:
    """How the prompt came about; `mode` says whether people chose its examples, or nobody did."""
    cold_start = course.cold_start
    deciders = {each.row.decided_by for each in examples}
    mode = "person" if deciders == {"person"} else "mixed" if "person" in deciders else "automatic"
    return {
        "source": "cold_start",
        "cold_start_id": encode_id("cold_start", cold_start.id),
        "mode": mode,
        "frozen_by": "automatic" if is_automatic else "person",
        "judge_model": (cold_start.automatic or {}).get("judge_model"),
        "rounds": [
            {"number": each.number, "job_id": encode_id("job", each.job_id), "held_out_score": score}
            for each, score in zip(course.rounds, score_rounds(course), strict=True)
        ],
        "stop_rule": cold_start.stop_rule,
        "seed": cold_start.seed,
        "examples": [
            {
                "candidate_id": encode_id("candidate", each.row.id),
                "item_id": encode_id("item", each.row.item_id),
                "source_id": each.source_id,
                "round": each.row.round,
                "decided_by": each.row.decided_by,
                "edited": each.row.status == "edited",
                "overall": None if each.scores is None else each.scores.overall,
            }
            for each in examples
        ],
    }
