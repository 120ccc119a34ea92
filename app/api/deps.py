"""What endpoints are handed: the process's resources, sessions, checked parameters."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast
from weakref import WeakKeyDictionary

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import Pool, QueuePool

from app.api.problems import name_near_matches
from app.clock import monotonic_s
from app.errors import Fault, InvalidRequestError, NotAcceptableError, UnavailableError
from app.resources import Resources

CONNECT_S = 1.6

_ABANDONED: set["asyncio.Future[Any]"] = set()
_ANSWERED_S: WeakKeyDictionary[Pool, float] = WeakKeyDictionary()


class Body(BaseModel):
    """The shape of a request body: what it does not name is refused, and so is a text for a number, or 1 for true."""

    model_config = ConfigDict(extra="forbid", strict=True, str_max_length=2**20)


def get_resources(request: Request) -> Resources:
    return cast(Resources, request.app.state.resources)


ResourcesDep = Annotated[Resources, Depends(get_resources)]


@asynccontextmanager
async def begin_reading(resources: Resources) -> AsyncIterator[AsyncSession]:
    """A session to read with; raises UnavailableError in under two seconds when PostgreSQL is away."""
    async with _connect(resources) as connection, resources.sessions(bind=connection) as session:
        yield session


@asynccontextmanager
async def begin_writing(resources: Resources) -> AsyncIterator[AsyncSession]:
    """A transaction that commits at the end of the block, before the response is made; raises UnavailableError."""
    async with _connect(resources) as connection, resources.sessions(bind=connection) as session, session.begin():
        yield session


async def refuse_unknown_query(request: Request) -> None:
    """Refuse a query parameter nobody reads, or that is given twice: a slip must not answer with everything."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = _query_names(route.dependant)
    faults = [
        Fault(name, "unknown_parameter", f"There is no query parameter {name!r}. {name_near_matches(name, known)}")
        for name in dict.fromkeys(request.query_params)
        if name not in known
    ]
    if faults:
        names = ", ".join(repr(fault.pointer) for fault in faults)
        raise InvalidRequestError(f"Unknown query parameter: {names}.", errors=faults)
    given = Counter(name for name, _ in request.query_params.multi_items())
    faults = [
        Fault(name, "repeated_parameter", "This is given more than once, and only one can hold; give it once.")
        for name, count in given.items()
        if count > 1
    ]
    if faults:
        raise InvalidRequestError(f"{faults[0].pointer!r} is given more than once.", errors=faults)


def negotiate(request: Request, *offered: str) -> str:
    """The media type to answer with, the first offer where the client has no wish.

    Raises NotAcceptableError where the Accept header takes none of them.
    """
    wishes = _parse_accept(request.headers.get("accept", ""))
    if not wishes:
        return offered[0]
    weights = [_weigh(media_type, wishes) for media_type in offered]
    if max(weights) <= 0:
        raise NotAcceptableError(f"This answers with {' or '.join(offered)}, which the Accept header does not take.")
    return offered[weights.index(max(weights))]


async def accept_json(request: Request) -> None:
    """For routers whose every answer is JSON."""
    negotiate(request, "application/json")


@asynccontextmanager
async def _connect(resources: Resources) -> AsyncIterator[AsyncConnection]:
    """Take a connection: wait for a busy pool, never for a server that is gone or frozen."""
    engine = cast(AsyncEngine, resources.sessions.kw["bind"])
    opening = asyncio.ensure_future(_open(engine))
    try:
        while not opening.done():
            asked_s = monotonic_s()
            await asyncio.wait({opening}, timeout=CONNECT_S)
            if not _is_busy(engine.pool) and _ANSWERED_S.get(engine.pool, 0.0) < asked_s:
                break
    except asyncio.CancelledError:
        _abandon(opening)
        raise
    if not opening.done():
        _abandon(opening)
        raise UnavailableError("The database does not answer just now; try again shortly.", retry_after_s=2)
    connection = opening.result()
    try:
        yield connection
    finally:
        await connection.close()


async def _open(engine: AsyncEngine) -> AsyncConnection:
    connection = await engine.connect()
    _ANSWERED_S[engine.pool] = monotonic_s()
    return connection


def _abandon(opening: "asyncio.Future[AsyncConnection]") -> None:
    """Let go of an attempt whose end nobody waits for; a connection that still comes goes back to the pool."""

    def end(opened: "asyncio.Future[AsyncConnection]") -> None:
        if not opened.cancelled() and opened.exception() is None:
            _keep(asyncio.ensure_future(opened.result().close()))

    opening.cancel()
    opening.add_done_callback(end)
    _keep(opening)


def _keep(task: "asyncio.Future[Any]") -> None:
    """Hold a task that runs on its own until it is done."""
    _ABANDONED.add(task)
    task.add_done_callback(_ABANDONED.discard)


def _is_busy(pool: Pool) -> bool:
    """Whether every connection the pool may have is at work."""
    return isinstance(pool, QueuePool) and pool.checkedout() >= pool.size() + pool._max_overflow


def _query_names(dependant: Dependant) -> set[str]:
    names: set[str] = set()
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= {info.alias or name for name, info in annotation.model_fields.items()}
        else:
            names.add(field.alias)
    for child in dependant.dependencies:
        names |= _query_names(child)
    return names


def _parse_accept(header: str) -> list[tuple[str, float]]:
    wishes = []
    for part in header.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weights = [value[2:] for value in parameters if value.lower().startswith("q=")]
        if media_type:
            wishes.append((media_type.lower(), _read_weight(weights[0]) if weights else 1.0))
    return wishes


def _read_weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _weigh(media_type: str, wishes: list[tuple[str, float]]) -> float:
    """The weight of the most specific wish that takes this type, 0 where none does."""
    ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    for wanted in ranges:
        weights = [weight for wish, weight in wishes if wish == wanted]
        if weights:
            return max(weights)
    return 0.0
