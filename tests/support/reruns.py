"""Reruns by other rules, told and then done, over a worker in this process."""

from functools import partial
from typing import Any

from app.services.jobs import act_on_job
from app.services.rerun_previews import Wanted, preview_rerun, show_preview
from app.services.reruns import Rerun, plan_preview
from app.store.jobs import get_job
from app.store.rereading import list_positions
from app.store.session import Sessions
from tests.support.orders import finish
from workers.engine import ShardEngine


async def preview(sessions: Sessions, job_id: int, filters: dict[str, Any] | None, **wanted: Any) -> dict[str, Any]:
    """What a dry run answers, with a thousand examples unless another limit is given."""
    async with sessions() as session:
        context = await plan_preview(session, await get_job(session, job_id), Rerun("filter", filters=filters))
        positions = await list_positions(session, job_id)
    found = await preview_rerun(partial(_open, sessions), context, positions, Wanted(**{"limit": 1000, **wanted}))
    return show_preview(found, context, "filter") | {"examples": [example for _, example in found.examples]}


async def rerun(sessions: Sessions, engine: ShardEngine, job_id: int, filters: dict[str, Any] | None = None) -> None:
    """Run a job again from the filter, to its end."""
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun("filter", filters=filters))
    engine.ring()
    await finish(sessions, job_id)


def _open(sessions: Sessions) -> Any:
    return sessions()
