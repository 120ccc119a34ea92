"""The part of a run that has an event loop: order, work, show, stop when asked to, write out."""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.image_uploads import Report
from app.services.upload_requests import SourceFile
from app.settings import Settings
from app.store.events import list_events
from app.wiring import open_resources
from workers.command_line.arguments import Options
from workers.command_line.ordering import Order, place_order
from workers.command_line.outputs import write_mimic_it, write_outputs
from workers.command_line.sources import Chosen
from workers.command_line.watching import Watch, look

_POOL_SIZE = 3
_MOST_EVENTS = 1000
_PAUSES = {
    "budget": "The budget is spent; the same command with a higher --max_cost_usd continues.",
    "provider_outage": "The model's endpoint refuses to answer; once that is mended the same command continues.",
    "poison_rate": "Too many items ended their worker; see error_messages.json.",
    "user": "The job was paused; the same command continues.",
}


@dataclass(slots=True)
class Run:
    """One run; `work` may be called once."""

    settings: Settings
    options: Options
    chosen: Chosen
    source: SourceFile
    watch: Watch
    folder: Path
    arguments: list[str]

    async def work(self) -> int:
        """The exit status: 0 all items done, 1 not all."""
        watch = self.watch
        watch.catch_signals()
        async with open_resources(self.settings, pool_size=_POOL_SIZE) as resources:
            order = await self._order(resources)
            if order is None:
                watch.progress.say("Stopped before anything was ordered.")
                return 1
            try:
                job, view = await look(resources, order.job_id)
                if job.state not in FINAL_STATES:
                    job, view = await watch.work_job(resources, order.job_id)
                watch.progress.show(view, is_last=True)
            finally:
                watch.progress.close()
            await self._write(resources, order, view)
            cause = await _find_cause(resources, order.job_id) if view["state"] == "paused" else ""
        return _conclude(view, cause)

    async def _order(self, resources: Resources) -> Order | None:
        """The rows of this run; None where a stop came first, and nothing was made."""
        calls = self.settings.concurrency
        placing = asyncio.create_task(place_order(resources, self.options, self.chosen, self.source, calls))
        stop = asyncio.create_task(self.watch.stopping.wait())
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
        self.watch.progress.say(f"{self.chosen.kind.name}: {dataset.items:,} query inputs{refused}{kept}.")
        if order.images is not None:
            self.watch.progress.say(tell_images(order.images))

    async def _write(self, resources: Resources, order: Order, view: dict[str, Any]) -> None:
        await write_outputs(resources, order, view, self.folder, self.arguments)
        names = ["valid_output.json", "invalid_output.json", "error_messages.json", "query_input.json", "meta.json"]
        if view["state"] in FINAL_STATES and view["counts"]["pairs"]:
            names += await write_mimic_it(resources, order, self.watch.worker_id, self.folder)
        sys.stdout.write(f"{self.folder}: {', '.join(names)}\n")
        sys.stdout.flush()


def tell_images(report: Report) -> str:
    """What became of the pictures, with the first that was refused."""
    told = (
        f"Pictures: {report.stored:,} taken, {report.already_there:,} were there, {report.links.missing:,} are missing"
    )
    refusals = [*report.failures, *report.first_refused]
    if not refusals:
        return f"{told}."
    count = report.refused + len(report.failures)
    return f"{told}, {count:,} refused, {refusals[0].name!r} first: {refusals[0].message}"


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
    is_short = bool(view["counts"].get("missing_pairs"))
    return int(state != "completed" or items["done"] + items["skipped"] < items["total"] or is_short)
