"""The part of a run that has an event loop: order, work, show, stop when asked to, write out."""

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.embedded import find_running
from app.errors import ConflictError
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.datasets import SourceFile
from app.services.image_uploads import Report
from app.services.jobs import act_on_job, view_job
from app.settings import Settings
from app.store.events import list_events
from app.store.jobs import get_job
from app.store.models import Job
from app.store.outages import is_outage
from app.wiring import open_resources
from workers.command_line.arguments import Options
from workers.command_line.holding import release_dead_runs
from workers.command_line.ordering import Order, place_order
from workers.command_line.outputs import write_mimic_it, write_outputs
from workers.command_line.progress import Progress
from workers.command_line.sources import Chosen
from workers.main import open_worker

_LOOK_S = 0.3
_POOL_SIZE = 3
_MOST_EVENTS = 1000
_PAUSES = {
    "budget": "The budget is spent; the same command with a higher --max_cost_usd continues.",
    "provider_outage": "The model's endpoint refuses to answer; once that is mended the same command continues.",
    "poison_rate": "Too many items ended their worker; see error_messages.json.",
    "user": "The job was paused; the same command continues.",
}


class LostError(Exception):
    """What the run depended on has ended."""


@dataclass(slots=True)
class Run:
    """One run; `work` may be called once."""

    settings: Settings
    options: Options
    chosen: Chosen
    source: SourceFile
    worker_id: str
    folder: Path
    arguments: list[str]
    is_joined: bool
    progress: Progress = field(default_factory=Progress)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> int:
        """The exit status: 0 all items done, 1 not all."""
        self._catch_signals()
        async with open_resources(self.settings, pool_size=_POOL_SIZE) as resources:
            order = await self._order(resources)
            if order is None:
                self.progress.say("Stopped before anything was ordered.")
                return 1
            try:
                job, view = await self._look(resources, order.job_id)
                if job.state not in FINAL_STATES:
                    job, view = await self._work_job(resources, order.job_id)
                self.progress.show(view, is_last=True)
            finally:
                self.progress.close()
            await self._write(resources, order, view)
            cause = await _find_cause(resources, order.job_id) if view["state"] == "paused" else ""
        return _conclude(view, cause)

    def _catch_signals(self) -> None:
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

    async def _order(self, resources: Resources) -> Order | None:
        """The rows of this run; None where a stop came first, and nothing was made."""
        calls = self.settings.concurrency
        placing = asyncio.create_task(place_order(resources, self.options, self.chosen, self.source, calls))
        stop = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({placing, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            if not placing.done():
                placing.cancel()
        with suppress(asyncio.CancelledError):
            order = await placing
            self._announce(order)
            return order
        return None

    def _announce(self, order: Order) -> None:
        dataset = order.dataset
        refused = f" ({dataset.errors:,} records refused)" if dataset.errors else ""
        kept = "" if order.is_new else "; continuing the job of an earlier run with these arguments"
        self.progress.say(f"{self.chosen.kind.name}: {dataset.items:,} query inputs{refused}{kept}.")
        if order.images is not None:
            self.progress.say(_tell_images(order.images))

    async def _work_job(self, resources: Resources, job_id: int) -> tuple[Job, dict[str, Any]]:
        """Work until the job ends, pauses or a stop is asked for; then its state once all calls are recorded."""
        await release_dead_runs(resources.sessions, self.settings.home, job_id)
        async with open_worker(self.settings, self.worker_id) as engine:
            engine.ring()
            await self._watch(resources, job_id)
            if self.stopping.is_set():
                await _pause(resources, job_id)
        return await self._look(resources, job_id)

    async def _watch(self, resources: Resources, job_id: int) -> None:
        while not self.stopping.is_set():
            try:
                job, view = await self._look(resources, job_id)
            except Exception as error:
                if not is_outage(error):
                    raise
                if self.is_joined and find_running(self.settings.home) is None:
                    raise LostError(f"The service on {self.settings.home} has ended.") from error
            else:
                self.progress.show(view, job.outage_since)
                if job.state in FINAL_STATES or job.state == "paused":
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self.stopping.wait()

    async def _look(self, resources: Resources, job_id: int) -> tuple[Job, dict[str, Any]]:
        async with resources.sessions() as session:
            job = await get_job(session, job_id)
            return job, await view_job(session, job)

    async def _write(self, resources: Resources, order: Order, view: dict[str, Any]) -> None:
        await write_outputs(resources, order, view, self.folder, self.arguments)
        names = ["valid_output.json", "invalid_output.json", "error_messages.json", "query_input.json", "meta.json"]
        if view["state"] in FINAL_STATES and view["counts"]["pairs"]:
            names += await write_mimic_it(resources, order, self.worker_id, self.folder)
        sys.stdout.write(f"{self.folder}: {', '.join(names)}\n")
        sys.stdout.flush()


def _tell_images(report: Report) -> str:
    """What became of the pictures, with the first that was refused."""
    told = (
        f"Pictures: {report.stored:,} taken, {report.already_there:,} were there, {report.links.missing:,} are missing"
    )
    refusals = [*report.failures, *report.first_refused]
    if not refusals:
        return f"{told}."
    count = report.refused + len(report.failures)
    return f"{told}, {count:,} refused, {refusals[0].name!r} first: {refusals[0].message}"


async def _pause(resources: Resources, job_id: int) -> None:
    """Nobody shall work on what the person stopped; a job that has just ended is past that."""
    with suppress(ConflictError):
        async with resources.sessions.begin() as session:
            await act_on_job(session, job_id, "pause")


async def _find_cause(resources: Resources, job_id: int) -> str:
    """What the job's last event says of the endpoint's refusal; empty where it says nothing."""
    async with resources.sessions() as session:
        events = await list_events(session, job_id, 0, _MOST_EVENTS)
    data = events[-1].data if events else {}
    return f" ({data['error']}: {data.get('detail', '')})" if "error" in data else ""


def _conclude(view: dict[str, Any], cause: str) -> int:
    """Say what is not as it should be; the exit status."""
    state, reason, items = view["state"], view["reason"], view["counts"]["items"]
    if state == "paused":
        sentence = _PAUSES.get(reason, f"The job is paused: {reason}.") + cause
    elif reason or state != "completed":
        why = f": {reason}" if reason else ""
        sentence = f"The job is {state}{why}; see error_messages.json. The same command asks for what failed again."
    else:
        return 0
    sys.stderr.write(f"{sentence}\n")
    return int(state != "completed" or items["done"] < items["total"])
