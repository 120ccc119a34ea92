"""The answers that were given under an Idempotency-Key, kept in the transaction of their effect."""

from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

KEPT_DAYS = 7

_LOCK = text("SELECT pg_try_advisory_xact_lock(:number)")
_FIND = text(
    f"""
    SELECT body_sha256, status, headers, body FROM idempotency_key
    WHERE key = :key AND route = :route AND created_at > now() - interval '{KEPT_DAYS} days'
    """  # noqa: S608  (a number of ours)
)
_SAVE = text(
    """
    INSERT INTO idempotency_key (key, route, body_sha256, status, headers, body, created_at)
    VALUES (:key, :route, :body_sha256, :status, CAST(:headers AS jsonb), :body, now())
    ON CONFLICT (key, route) DO UPDATE SET body_sha256 = excluded.body_sha256, status = excluded.status,
        headers = excluded.headers, body = excluded.body, created_at = excluded.created_at
    """
)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A response as it was given; `body_sha256` is of the request."""

    body_sha256: str
    status: int
    headers: dict[str, str]
    body: bytes


async def lock_key(session: AsyncSession, key: str, route: str) -> bool:
    """Take the key until the transaction ends; false while another request holds it."""
    digest = blake2b(f"{route}\n{key}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big", signed=True)
    return bool((await session.execute(_LOCK, {"number": number})).scalar_one())


async def find_answer(session: AsyncSession, key: str, route: str) -> StoredAnswer | None:
    """What was answered under this key within the last week."""
    row = (await session.execute(_FIND, {"key": key, "route": route})).one_or_none()
    return StoredAnswer(*row) if row else None


async def save_answer(session: AsyncSession, key: str, route: str, answer: StoredAnswer, headers_json: str) -> None:
    """Keep an answer; it becomes visible with the effect."""
    values = {
        "key": key,
        "route": route,
        "body_sha256": answer.body_sha256,
        "status": answer.status,
        "headers": headers_json,
        "body": answer.body,
    }
    await session.execute(_SAVE, values)
