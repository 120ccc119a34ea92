"""Outages of the endpoint as this worker sees them: which jobs are failing, stamped once when it starts and ends."""

import logging

from app.services.fleet import note_outage
from app.store.session import Sessions
from workers.tasks import Tasks

log = logging.getLogger("syphus.outages")


class Outages:
    """A job that fails is stamped in the background; a stamp that does not succeed is made with the next failure."""

    def __init__(self, sessions: Sessions, tasks: Tasks) -> None:
        self._sessions = sessions
        self._tasks = tasks
        self._failing: set[int] = set()

    def note_failing(self, job_id: int) -> None:
        """A call of the job met an endpoint that is out."""
        if job_id not in self._failing:
            self._failing.add(job_id)
            self._tasks.spawn(self._stamp(job_id, out=True))

    def note_answering(self, job_id: int) -> None:
        """A call of the job was answered."""
        if job_id in self._failing:
            self._failing.discard(job_id)
            self._tasks.spawn(self._stamp(job_id, out=False))

    def forget(self, job_id: int) -> None:
        """The job is no longer worked here."""
        self._failing.discard(job_id)

    async def _stamp(self, job_id: int, *, out: bool) -> None:
        try:
            await note_outage(self._sessions, [job_id], out=out)
        except Exception as error:
            self._failing.discard(job_id)
            log.warning("outage_stamp_failed", extra={"error": type(error).__name__})
