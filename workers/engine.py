"""The engine of a worker process: it claims shards, asks the model for their units, and stops in order.

    claiming.py  which shards are in hand, and whether they still are
    run.py       one shard in hand, from stage to stage
    calling.py   one unit after another to the model: intend, ask, hand over
    recorder.py  raw answers first, outcomes second, in batches
    counting.py  statistics, one scope at a time, in a process beside this one

Nothing here is a child of an arq task, so losing Redis loses no call.
"""

import asyncio
import logging
from contextlib import suppress

from app.pipeline.chat import ChatModel
from app.resources import Resources
from workers.calling import Caller
from workers.claiming import Claimer
from workers.counting import Statistician
from workers.pacing import Paces
from workers.recorder import Recorder
from workers.relating.endpoint import VectorEndpoint
from workers.relating.unit import WholeJobs
from workers.spool import Spool
from workers.tasks import Tasks

log = logging.getLogger("syphus.engine")


class ShardEngine:
    """One per process; `failed` is set when a part of it broke that it cannot work without."""

    def __init__(
        self,
        resources: Resources,
        chat: ChatModel,
        paces: Paces,
        worker_id: str,
        bucket: int,
        texts: VectorEndpoint | None = None,
        images: VectorEndpoint | None = None,
    ) -> None:
        """texts, images: where vectors of these come from; None for the packaged model and the uploads' features."""
        slots = resources.settings.concurrency
        self.resources = resources
        self._tasks = Tasks()
        self._spool = Spool(resources.settings.home / "spool", worker_id)
        self._recorder = Recorder(resources.sessions, self._spool, bucket, 2 * slots)
        self._caller = Caller(resources, chat, paces, self._recorder, self._tasks, worker_id)
        whole_jobs = WholeJobs(resources, paces, worker_id, bucket, texts, images, asyncio.Lock())
        self._claimer = Claimer(resources, self._caller, self._tasks, whole_jobs, worker_id, bucket)
        self._statistician = Statistician(resources, worker_id)

    @property
    def failed(self) -> asyncio.Event:
        """Set once a loop that everything depends on ended by an error: the process should end, too."""
        return self._tasks.failed

    async def start(self) -> None:
        """Begin to work; answers that dead workers left on this disk are stored first."""
        replayed = await self._recorder.replay()
        if replayed:
            log.info("spool_replayed", extra={"answers": replayed})
        self._tasks.keep(self._recorder.run())
        self._caller.start()
        self._claimer.start()
        self._tasks.keep(self._statistician.run())

    def ring(self, shard_id: int | None = None) -> None:
        """Look for work now, at this shard first."""
        self._claimer.ring(shard_id)

    def ring_export(self, export_id: int) -> None:
        """Make an export's files, unless that is under way here."""
        self._claimer.ring_export(export_id)

    def ring_count(self, run_id: int) -> None:
        """Count the figures of a scope, after those under way here."""
        self._statistician.ring(run_id)

    async def drain(self, patience_s: float) -> None:
        """Stop in order: start nothing, wait for calls under way, record them, give the shards back."""
        await self._claimer.stop(patience_s)
        await self._caller.stop(patience_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s + 5):
                await self._recorder.flush()
                await self._claimer.wait_given_back()
        await self._tasks.cancel()
        self._spool.close()
