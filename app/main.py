"""The HTTP service: `create_app`, and `app` for `uvicorn app.main:app`; nothing opens before its lifespan."""

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from fastapi import Depends, FastAPI

from app.api import (
    cold_starts,
    console,
    datasets,
    edits,
    events,
    exports,
    filters,
    glossaries,
    images,
    jobs,
    judgements,
    kinds,
    pairs,
    prompts,
    records,
    review_rules,
    reviews,
    shown,
    statistics,
    system,
)
from app.api.auth import KeyDoor, StartRefusedError, check_start
from app.api.bodies import BodyDoor
from app.api.deps import accept_json, refuse_unknown_query
from app.api.middleware import Compress, Envelope
from app.api.problems import PROBLEM_MEDIA_TYPE, Problem, install_problems
from app.embedded import EmbeddedError, Endpoints, find_running, open_embedded, resolve_endpoints
from app.logs import set_up_logs
from app.resources import Resources
from app.services.image_sweeping import sweep_orphans
from app.services.uploads import incoming_folder, sweep_incoming
from app.settings import Settings, SettingsError, load_settings
from app.store.migrate import migrate
from app.version import VERSION
from app.wiring import open_resources

API_POOL_SIZE = 20

log = logging.getLogger("syphus.api")

_SUMMARY = "Turns visual annotations into multimodal instruction-response pairs."
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": Problem, "description": "RFC 9457 problem; sent as application/problem+json."}
}


class Service(FastAPI):
    """FastAPI whose document tells what this service adds: problems as problem+json, and bearer keys."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            problem = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
            for operations in document["paths"].values():
                for operation in operations.values():
                    for status, answer in operation["responses"].items():
                        if status[0] not in "23":
                            answer["content"] = {PROBLEM_MEDIA_TYPE: problem}
            scheme = {"type": "http", "scheme": "bearer", "description": "Needed where SYPHUS_API_KEYS is set."}
            document["components"]["securitySchemes"] = {"key": scheme}
            document["security"] = [{}, {"key": []}]
            self.openapi_schema = document
        return self.openapi_schema


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; without settings it reads the environment when it starts, not when it is made."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        known = settings or _load()
        check_start(known)
        async with (
            _resolve(known) as resolved,
            open_resources(resolved, pool_size=API_POOL_SIZE) as resources,
        ):
            app.state.settings, app.state.resources = resolved, resources
            app.state.stopping = asyncio.Event()
            await asyncio.to_thread(sweep_incoming, incoming_folder(resolved))
            with _note_stop_signals(app.state.stopping):
                async with _sweep_images(resources):
                    yield
            app.state.stopping.set()

    app = Service(
        title="Syphus",
        summary=_SUMMARY,
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # a page of our own: it needs nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # the door takes such a slash away
        responses=_PROBLEMS,
        dependencies=[Depends(refuse_unknown_query)],
    )
    install_problems(app)
    for door in (BodyDoor, KeyDoor, Compress, Envelope):  # the last one added is the outermost
        app.add_middleware(door)
    _mount(app)
    return app


def _load() -> Settings:
    """The environment's settings, and logs as they say, for a process of the API's own. Raises StartRefusedError."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise StartRefusedError(str(error)) from error
    set_up_logs(settings.log_level)
    return settings


def _mount(app: FastAPI) -> None:
    json_only = [Depends(accept_json)]
    for module in (datasets, glossaries, kinds, filters, prompts, cold_starts, jobs, judgements, records):
        app.include_router(module.router, prefix="/v1", dependencies=json_only)
    for module in (events, pairs, edits, reviews, review_rules, exports, images, shown, statistics):
        app.include_router(module.router, prefix="/v1")
    app.include_router(console.router)
    app.include_router(system.router)
    app.include_router(system.router, prefix="/v1", include_in_schema=False)
    app.include_router(system.catalogue, prefix="/v1", dependencies=json_only)


@asynccontextmanager
async def _resolve(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with every URL known: configured, of a neighbour on the same folder, or of own embedded parts.

    Raises StartRefusedError.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    async with AsyncExitStack() as stack:
        try:
            if await asyncio.to_thread(find_running, settings.home) is not None:
                endpoints = await asyncio.to_thread(resolve_endpoints, settings, own=False)
            else:
                endpoints = await stack.enter_async_context(open_embedded(settings))
        except EmbeddedError as error:
            raise StartRefusedError(str(error)) from error
        await asyncio.to_thread(migrate, endpoints.database_url)
        yield _fill(settings, endpoints)


def _fill(settings: Settings, endpoints: Endpoints) -> Settings:
    return settings.model_copy(
        update={
            "database_url": endpoints.database_url,
            "redis_url": endpoints.redis_url,
            "openai_base_url": endpoints.model_url,
            "openai_model": endpoints.model_name,
        }
    )


@asynccontextmanager
async def _sweep_images(resources: Resources) -> AsyncIterator[None]:
    """Go on with what a process that ended had to sweep; a failure waits for the next start."""
    sweeping = asyncio.create_task(sweep_orphans(resources))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.wait({sweeping})
        if not sweeping.cancelled() and (failure := sweeping.exception()) is not None:
            log.warning("sweep_failed", extra={"error": type(failure).__name__})


@contextmanager
def _note_stop_signals(stopping: asyncio.Event) -> Iterator[None]:
    """Tell long answers (event streams, waits) to end when the server is asked to stop.

    The server waits for open responses before it ends the lifespan, so without this a single reader of events
    would keep it from stopping. The server's own handlers are called as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def relay(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        handler: Callable[[int, FrameType | None], Any] | int | None = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    handled = [number for number, handler in previous.items() if callable(handler)]
    for number in handled:
        signal.signal(number, relay)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, previous[number])


app = create_app()
