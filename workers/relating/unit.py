"""The unit that relates a whole job, as a worker takes it up: put together, raced against its stop, judged."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from app.pipeline.similarity import EXACT_UP_TO
from app.resources import Resources
from app.services.fleet import pause_job
from workers.gates import first_of
from workers.pacing import Paces
from workers.relating.endpoint import EndpointVectors, VectorEndpoint, open_endpoint
from workers.relating.packaged import open_packaged
from workers.relating.pipes import ComputingError
from workers.relating.subjects import Images, Texts
from workers.relating.whole import FencedError, Subject, WholeRelation
from workers.run import ShardRun

log = logging.getLogger("syphus.relating")


@dataclass(slots=True)
class WholeJobs:
    """What a worker needs to relate whole jobs, one at a time.

    texts: where vectors of texts come from, None for the packaged model
    images: where vectors of images come from, None for the features that uploads bring
    """

    resources: Resources
    paces: Paces
    worker_id: str
    bucket: int
    texts: VectorEndpoint | None
    images: VectorEndpoint | None
    computing: asyncio.Lock
    exact_up_to: int = EXACT_UP_TO

    async def relate(self, run: ShardRun) -> bool:
        """Whether every pair of the job has its relations; False where the run was stopped before."""
        if not await first_of(self.computing.acquire, run.stopping, self.computing.release):
            return False
        working = asyncio.create_task(self._work(run))
        stopping = asyncio.create_task(run.stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
            self.computing.release()
        if working.cancelled():
            return False
        return await self._judge(run, working)

    async def _work(self, run: ShardRun) -> None:
        async with AsyncExitStack() as opened:
            subject = await self._open_subject(run, opened)
            home = self.resources.settings.home
            await WholeRelation(self.resources.sessions, run, self.worker_id, home, subject, self.exact_up_to).work()

    async def _open_subject(self, run: ShardRun, opened: AsyncExitStack) -> Subject:
        sessions = self.resources.sessions
        if run.job.relation_rule == "similar_images":
            bought = None if self.images is None else await opened.enter_async_context(self._ask(self.images, run))
            return Images(self.resources, run.job, bought)
        if self.texts is None:
            return Texts(sessions, run.job, await opened.enter_async_context(open_packaged(sessions)))
        return Texts(sessions, run.job, await opened.enter_async_context(self._ask(self.texts, run)))

    def _ask(self, endpoint: VectorEndpoint, run: ShardRun) -> AbstractAsyncContextManager[EndpointVectors]:
        return open_endpoint(self.resources.sessions, endpoint, self.paces, run, self.worker_id, self.bucket)

    async def _judge(self, run: ShardRun, working: "asyncio.Task[None]") -> bool:
        """A process that dies over its work would die again: the job pauses and says so. Raises what else broke."""
        try:
            working.result()
        except FencedError:
            run.stop()
        except ComputingError as error:
            log.error("relate_failed", extra={"job": run.job.job_id, "error": str(error)})
            await pause_job(self.resources.sessions, run.job.job_id, "relate_failed", {"error": str(error)})
            run.stop()
        return run.is_alive
