"""Working a job in this process until it ends, pauses or is stopped, while a person watches."""

import asyncio
import importlib
import signal
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.embedded import find_running
from app.errors import ConflictError
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.jobs import act_on_job, view_job
from app.settings import Settings
from app.store.jobs import get_job
from app.store.models import Job
from app.store.outages import is_outage
from workers.command_line.holding import release_dead_runs
from workers.command_line.progress import Progress

if TYPE_CHECKING:
    from workers.engine import ShardEngine

LOOK_S = 0.3


class LostError(Exception):
    """What the run depended on has ended."""


@dataclass(slots=True)
class Watch:
    """A worker of this process and the person before it; `stopping` is set by Ctrl-C."""

    settings: Settings
    worker_id: str
    is_joined: bool
    progress: Progress = field(default_factory=Progress)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def catch_signals(self) -> None:
        """The first asks for an orderly end, the second for one at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def note() -> None:
            if self.stopping.is_set() and task is not None:
                task.cancel()
                return
            self.stopping.set()
            self.progress.say("Stopping: calls under way are waited for and kept; once more ends at once.")

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, note)

    async def work_job(self, resources: Resources, job_id: int) -> tuple[Job, dict[str, Any]]:
        """Work until the job ends, pauses or a stop is asked for; then its state once all calls are recorded."""
        await release_dead_runs(resources.sessions, self.settings.home, job_id)
        async with open_worker(self.settings, self.worker_id) as engine:
            engine.ring()
            await self.watch_job(resources, job_id)
            if self.stopping.is_set():
                await pause(resources, job_id)
        return await look(resources, job_id)

    async def watch_job(self, resources: Resources, job_id: int) -> None:
        """Show how the job goes until it ends, pauses or a stop is asked for. Raises LostError."""
        while not self.stopping.is_set():
            try:
                job, view = await look(resources, job_id)
            except Exception as error:
                if not is_outage(error):
                    raise
                if self.is_joined and find_running(self.settings.home) is None:
                    raise LostError(f"The service on {self.settings.home} has ended.") from error
            else:
                self.progress.show(view, job.outage_since)
                if job.state in FINAL_STATES or job.state == "paused":
                    return
            await self.wait()

    async def wait(self) -> None:
        """Until the next look, or a stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self.stopping.wait()


def open_worker(settings: Settings, worker_id: str) -> "AbstractAsyncContextManager[ShardEngine]":
    """A worker of this process, as `workers.main` opens it.

    What it is made of, the client of the model above all, is loaded here: that takes as long as all the rest of a
    start, and most commands only look at what is there.
    """
    opened: AbstractAsyncContextManager[ShardEngine] = importlib.import_module("workers.main").open_worker(
        settings, worker_id
    )
    return opened


async def look(resources: Resources, job_id: int) -> tuple[Job, dict[str, Any]]:
    """The job as it stands, and as the API shows it."""
    async with resources.sessions() as session:
        job = await get_job(session, job_id)
        return job, await view_job(session, job)


async def pause(resources: Resources, job_id: int) -> None:
    """Nobody shall work on what the person stopped; a job that has just ended is past that."""
    with suppress(ConflictError):
        async with resources.sessions.begin() as session:
            await act_on_job(session, job_id, "pause")
