"""Which database, Redis and model a process talks to: configured ones, its own embedded ones, or a neighbour's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.embedded.failures import EmbeddedError
from app.embedded.launching import Embedded, find_running, start_embedded
from app.embedded.plan import Running


class PartSettings(Protocol):
    """What is read of the settings; `app.settings.Settings` fits."""

    @property
    def home(self) -> Path: ...
    @property
    def database_url(self) -> str | None: ...
    @property
    def redis_url(self) -> str | None: ...
    @property
    def openai_base_url(self) -> str | None: ...
    @property
    def openai_api_key(self) -> str | None: ...
    @property
    def openai_model(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`model_url` is None when the SDK's own default endpoint is meant; `stop` ends what this process started."""

    database_url: str
    redis_url: str
    model_url: str | None
    model_name: str
    is_demo_model: bool = False
    owned: Embedded | None = None

    def stop(self) -> None:
        if self.owned is not None:
            self.owned.stop()


def resolve_endpoints(settings: PartSettings, *, own: bool) -> Endpoints:
    """Fill in what the settings leave open: start embedded parts (`own`), or use those of a running instance.

    A model is left open when neither a base URL nor a key is set. Blocking, about a second when parts start.
    Raises EmbeddedError when the folder is in use (own), or when nothing runs there (not own).
    """
    wants_database = not settings.database_url
    wants_redis = not settings.redis_url
    wants_model = not settings.openai_base_url and not settings.openai_api_key
    source: Embedded | Running | None = None
    if own and (wants_database or wants_redis or wants_model):
        source = start_embedded(settings.home, database=wants_database, redis=wants_redis, model=wants_model)
    elif wants_database or wants_redis or wants_model:
        source = find_running(settings.home)
    database_url = settings.database_url or (source.database_url if source else None)
    redis_url = settings.redis_url or (source.redis_url if source else None)
    model_url = settings.openai_base_url or (source.model_url if source and wants_model else None)
    if not database_url or not redis_url or (wants_model and not model_url):
        raise EmbeddedError(_what_is_missing(settings, database_url, redis_url))
    return Endpoints(
        database_url=database_url,
        redis_url=redis_url,
        model_url=model_url,
        model_name=(source.model_name if source and wants_model else None) or settings.openai_model,
        is_demo_model=wants_model,
        owned=source if isinstance(source, Embedded) else None,
    )


@asynccontextmanager
async def open_embedded(settings: PartSettings) -> AsyncIterator[Endpoints]:
    """`resolve_endpoints(own=True)` for an event loop; stops what it started on the way out."""
    starting = asyncio.ensure_future(asyncio.to_thread(resolve_endpoints, settings, own=True))
    try:
        endpoints = await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_stop_late)
        raise
    try:
        yield endpoints
    finally:
        await asyncio.to_thread(endpoints.stop)


def _stop_late(starting: "asyncio.Future[Endpoints]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().stop()


def _what_is_missing(settings: PartSettings, database_url: str | None, redis_url: str | None) -> str:
    missing = [name for name, value in (("DATABASE_URL", database_url), ("REDIS_URL", redis_url)) if not value] or [
        "OPENAI_BASE_URL"
    ]
    return (
        f"No embedded instance runs on {settings.home.resolve()}: start `make serve` first,"
        f" or set {' and '.join(missing)}."
    )
