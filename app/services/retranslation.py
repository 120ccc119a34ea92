"""Retranslation: stale translations are asked for again, on request and only those."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, Fault, InvalidRequestError
from app.pipeline.lifecycle import plan_action
from app.store import models
from app.store.jobs import get_job, move_job
from app.store.retranslation import ask_again
from app.store.shards import count_leased


async def retranslate_job(
    session: AsyncSession, job_id: int, languages: Sequence[str] | None = None, *, with_edited: bool = False
) -> tuple[models.Job, dict[str, int]]:
    """Send a job that has ended back to translating its stale translations; answers how many, by language.

    languages: None for all of the job's; with_edited: also those that a person wrote
    The job stays as it is where nothing is stale. Raises InvalidRequestError, or ConflictError where its state forbids
    it.
    """
    job = await get_job(session, job_id, lock=True)
    faults = [
        Fault(f"/languages/{index}", "unknown_language", f"The job has {', '.join(job.languages) or 'none'}.")
        for index, language in enumerate(languages or ())
        if language not in job.languages
    ]
    if faults:
        raise InvalidRequestError("The job was not translated into every one of these.", errors=faults)
    target = plan_action("retranslate", job.state)
    if await count_leased(session, job.id):
        raise ConflictError("Shards of the job are still winding down; try again in a moment.", retry_after_s=1)
    wanted = job.languages if languages is None else list(languages)
    asked = await ask_again(session, job.id, wanted, with_edited=with_edited)
    if asked:
        data: dict[str, Any] = {"action": "retranslate", "translations": asked}
        await move_job(session, job, target, None, data)
    return job, asked
