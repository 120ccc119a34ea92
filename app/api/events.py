"""What happens to a job, as it happens: server-sent events, or pages of JSON."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from app.api.deps import ResourcesDep, begin_reading, negotiate
from app.api.job_views import VOLATILE_FIELDS
from app.api.pages import ListBody, PageDep, answer_page
from app.clock import monotonic_s
from app.errors import UnavailableError
from app.ids import decode_id, encode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.jobs import view_job
from app.store.events import list_events
from app.store.jobs import get_job
from app.store.models import JobEvent
from app.store.outages import is_outage

SSE = "text/event-stream"
LOOK_S = 0.3
PROGRESS_S = 1.0
HEARTBEAT_S = 15.0
BATCH = 500

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/events",
    responses={200: {"content": {SSE: {}}, "model": ListBody}, 204: {"description": "Ended, and all of it was seen."}},
)
async def get_events(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    page: PageDep,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Events with a higher number; answers JSON.")] = 0,
    last_event_id: Annotated[str | None, Header(description="The number of the last event that was seen.")] = None,
) -> Response:
    """Events from the first on, or after `Last-Event-ID`; the stream ends after the job's final event.

    `event: progress` lines (about one a second while counts change) show the job as it stands and carry no id.
    JSON instead with `Accept: application/json`, or with `after`, `limit` or `cursor`.
    """
    number = decode_id("job", job_id)
    wants_page = bool({"after", "limit", "cursor"} & set(request.query_params))
    offers = ("application/json", SSE) if wants_page else (SSE, "application/json")
    if negotiate(request, *offers) == "application/json":
        async with begin_reading(resources) as session:
            await get_job(session, number)
            events = await list_events(session, number, page.after or after, page.limit + 1)
        return answer_page(request, page, [show_event(event) for event in events], [event.seq for event in events])
    seen = int(last_event_id) if last_event_id and last_event_id.isdigit() and len(last_event_id) < 10 else after
    watch = _Watch(resources, number, seen)
    await watch.look(with_progress=True)
    if watch.is_over and not watch.fresh and last_event_id:
        return Response(status_code=204)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_write_events(request.app.state.stopping, watch), media_type=SSE, headers=headers)


def show_event(event: JobEvent) -> dict[str, Any]:
    """An event as the API shows it."""
    return {
        "object": "event",
        "seq": event.seq,
        "type": event.type,
        "job_id": encode_id("job", event.job_id),
        "data": event.data,
        "created_at": event.created_at,
    }


@dataclass(slots=True)
class _Watch:
    """One reader's view of a job: what is new since the last look."""

    resources: Resources
    job_id: int
    seen: int
    fresh: Sequence[JobEvent] = ()
    progress: dict[str, Any] | None = None
    is_over: bool = False
    shown: dict[str, Any] = field(default_factory=dict)

    async def look(self, *, with_progress: bool) -> None:
        """Read events beyond the last one and, when asked for, the counts; the events are read first,

        so that counts shown along with the final event are final too.
        """
        self.progress = None
        async with begin_reading(self.resources) as session:
            self.fresh = await list_events(session, self.job_id, self.seen, BATCH)
            job = await get_job(session, self.job_id)
            ends_here = bool(self.fresh) and self.fresh[-1].data.get("state") == job.state
            self.is_over = job.state in FINAL_STATES and (not self.fresh or (ends_here and len(self.fresh) < BATCH))
            if with_progress or self.is_over:
                view = await view_job(session, job)
                self.progress = view if _drop_volatile(view) != self.shown else None
        if self.fresh:
            self.seen = self.fresh[-1].seq

    def write(self) -> bytes:
        """The frames of this look; the last counts come before the final event."""
        events = b"".join(_frame_event(event) for event in self.fresh)
        if self.progress is None:
            return events
        self.shown = _drop_volatile(self.progress)
        progress = b"event: progress\ndata: " + orjson.dumps(self.progress, option=orjson.OPT_UTC_Z) + b"\n\n"
        return progress + events if self.is_over else events + progress


def _drop_volatile(view: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in view.items() if key not in VOLATILE_FIELDS}


async def _write_events(stopping: asyncio.Event, watch: _Watch) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n" + watch.write()
    shown_s = sent_s = monotonic_s()
    while not watch.is_over and not await _pause(stopping, LOOK_S):
        now_s = monotonic_s()
        try:
            await watch.look(with_progress=now_s - shown_s >= PROGRESS_S)
        except Exception as error:
            if not isinstance(error, UnavailableError) and not is_outage(error):
                raise
            yield b": the database is away, waiting\n\n"
            continue
        frames = watch.write()
        if watch.progress is not None:
            shown_s = now_s
        if not frames and now_s - sent_s >= HEARTBEAT_S:
            frames = b": still here\n\n"
        if frames:
            sent_s = now_s
            yield frames


async def _pause(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait a little; true when the server stops."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True


def _frame_event(event: JobEvent) -> bytes:
    data = orjson.dumps(show_event(event), option=orjson.OPT_UTC_Z)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), data)
