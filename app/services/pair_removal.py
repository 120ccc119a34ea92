"""Removal of a pair for good; rejecting it is the way that can be taken back."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, NotFoundError
from app.ids import encode_id
from app.services.pairs import view_pair, view_rows
from app.services.versions import require_version
from app.store.edits import lock_pairs
from app.store.jobs import get_job
from app.store.removal import remove_pair
from app.store.shards import count_leased

_JOB_ID = 1


async def delete_pair(session: AsyncSession, pair_id: int, etags: Sequence[str]) -> None:
    """Delete a pair; an English one takes its translations along, and other pairs stop naming it as related.

    Raises NotFoundError, PreconditionError, or ConflictError while workers are at the job.
    """
    [row] = await view_rows(session, [pair_id])
    job = await get_job(session, row[_JOB_ID], lock=True)
    if await count_leased(session, job.id):
        raise ConflictError(
            "Workers are at this job; reject the pair now, or delete it once the job has ended or is paused.",
            retry_after_s=5,
        )
    pair = (await lock_pairs(session, [pair_id])).get(pair_id)
    if pair is None:
        raise NotFoundError("pair", encode_id("pair", pair_id))
    require_version(etags, (await view_pair(session, pair_id))["etag"])
    await remove_pair(session, pair)
