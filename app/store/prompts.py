"""Prompts: immutable, numbered versions of a name."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.store.models import Prompt

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('prompt:' || :name, 0))")


async def get_prompt(session: AsyncSession, prompt_id: int) -> Prompt:
    """The prompt; raises NotFoundError."""
    prompt = await session.get(Prompt, prompt_id)
    if prompt is None:
        raise NotFoundError("prompt", encode_id("prompt", prompt_id))
    return prompt


async def find_version(session: AsyncSession, name: str, sha256: str) -> Prompt | None:
    """The version of a name that has this content, the newest where several have it."""
    statement = select(Prompt).where(Prompt.name == name, Prompt.sha256 == sha256)  # type: ignore[arg-type]  # columns
    statement = statement.order_by(Prompt.version.desc()).limit(1)  # type: ignore[attr-defined]  # a column
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_name(session: AsyncSession, name: str) -> None:
    """Number the versions of this name alone until commit."""
    await session.execute(_LOCK, {"name": name})


async def next_version(session: AsyncSession, name: str) -> int:
    """The number after the newest version; call it under `lock_name`."""
    statement = select(Prompt.version).where(Prompt.name == name)  # type: ignore[call-overload]  # a column
    statement = statement.order_by(Prompt.version.desc()).limit(1)  # type: ignore[attr-defined]  # a column
    newest = (await session.execute(statement)).scalar_one_or_none()
    return 1 if newest is None else int(newest) + 1


async def list_prompts(
    session: AsyncSession, after: int | None, limit: int, name: str | None = None
) -> Sequence[Prompt]:
    """Prompts from the newest on, below the id `after`."""
    statement = select(Prompt).order_by(Prompt.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(Prompt.id < after)  # type: ignore[arg-type]  # a column
    if name is not None:
        statement = statement.where(Prompt.name == name)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()
