"""Idempotency-Key: the same POST twice has one effect and one answer."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated

import orjson
from fastapi import Header, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import begin_writing
from app.errors import Fault, IdempotencyError
from app.resources import Resources
from app.settings import Settings
from app.store.idempotency import StoredAnswer, find_answer, lock_key, save_answer

HEADER = "Idempotency-Key"
LONGEST_KEY = 255

_KEPT_HEADERS = ("content-type", "location", "retry-after", "etag")

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias=HEADER,
        max_length=LONGEST_KEY,
        description="Any text of yours, new for each intent; a repeat gets the stored answer for 7 days.",
    ),
]

Effect = Callable[[AsyncSession], Awaitable[Response]]


async def answer_once(
    request: Request, resources: Resources, effect: Effect, *, fingerprint: str | None = None
) -> Response:
    """Run an effect in a transaction and answer; under a known key, answer as before instead.

    fingerprint: what the body was, where the caller streamed it; by default the JSON body's digest.
    Raises IdempotencyError: 409 while the first request runs, 422 when its body was another one.
    A failed effect stores nothing, so the key may be used again.
    """
    key = read_key(request)
    if key is None:
        async with begin_writing(resources) as session:
            return await effect(session)
    route = name_route(request)
    body_sha256 = fingerprint or await digest_body(request)
    async with begin_writing(resources) as session:
        stored = await claim_key(session, key, route, body_sha256)
        if stored is not None:
            return replay(stored)
        response = await effect(session)
        await keep_response(session, key, route, body_sha256, response)
        return response


def require_key(request: Request, settings: Settings) -> None:
    """Where money is spent a key is a must, unless the settings (or loopback) say otherwise.

    Raises IdempotencyError (400).
    """
    required = settings.idempotency == "required" or (settings.idempotency == "loopback" and not settings.is_loopback)
    if required and read_key(request) is None:
        fault = Fault(
            HEADER, "missing", "Send a header `Idempotency-Key: <a fresh UUID>`; use the same one when you retry."
        )
        raise IdempotencyError(
            "This spends money, so it needs an Idempotency-Key.",
            status=400,
            code="idempotency_key_required",
            errors=[fault],
        )


def read_key(request: Request) -> str | None:
    """The key of this request; raises IdempotencyError (400) for one that is no visible text."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not key.strip() or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        fault = Fault(HEADER, "invalid_key", f"A key is 1 to {LONGEST_KEY} visible ASCII characters, e.g. a UUID.")
        raise IdempotencyError(
            "The Idempotency-Key is not valid.", status=400, code="idempotency_key_invalid", errors=[fault]
        )
    return key


def name_route(request: Request) -> str:
    """What a key belongs to: one client's POSTs to one address."""
    return f"{request.state.principal}:{request.method} {request.url.path}"


async def digest_body(request: Request) -> str:
    """A digest of the query and the JSON body that does not change with its spelling."""
    body = await request.body()
    canonical = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) if body else b""
    query = orjson.dumps(sorted(request.query_params.multi_items()))
    return sha256(query + b"\n" + canonical).hexdigest()


async def claim_key(session: AsyncSession, key: str, route: str, body_sha256: str) -> StoredAnswer | None:
    """Hold the key until the transaction ends, or hand out what was answered under it.

    Raises IdempotencyError.
    """
    if not await lock_key(session, key, route):
        raise IdempotencyError(
            "The first request with this Idempotency-Key is still running; repeat this one in a moment.",
            status=409,
            code="idempotency_key_in_use",
            retry_after_s=1,
        )
    stored = await find_answer(session, key, route)
    if stored is not None and stored.body_sha256 != body_sha256:
        fault = Fault(HEADER, "reused", "Send the same body again, or a new key for a new intent.")
        raise IdempotencyError("This Idempotency-Key was used with another body.", errors=[fault])
    return stored


async def keep_response(session: AsyncSession, key: str, route: str, body_sha256: str, response: Response) -> None:
    """Store what will be answered, in the transaction of its effect."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    answer = StoredAnswer(body_sha256, response.status_code, headers, bytes(response.body))
    await save_answer(session, key, route, answer, orjson.dumps(headers).decode())


def replay(stored: StoredAnswer) -> Response:
    """The answer that was given before, marked so."""
    return Response(stored.body, stored.status, {**stored.headers, "Idempotent-Replayed": "true"})
