"""Reading what was changed about pairs, and by whom they were judged."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models import PairEdit
from app.store.reading import AnyRow

_IS_TAKEN_BACK = text("SELECT EXISTS (SELECT 1 FROM pair_edit WHERE pair_id = :pair_id AND undoes = :edit_id)")
_LATEST = text("SELECT max(id) FROM pair_edit WHERE pair_id = :pair_id AND kind <> 'undo'")
_EDITS = text(
    """
    SELECT pair_id, id, kind, rule, author, note, instruction_before, response_before, instruction_after,
        response_after, undoes, created_at
    FROM pair_edit WHERE pair_id = ANY(:ids) ORDER BY id
    """
)
_REVIEWS = text(
    """
    SELECT pair_id, reviewer, verdict, note, edit_id, created_at FROM pair_review WHERE pair_id = ANY(:ids) ORDER BY id
    """
)
_FINDINGS = text(
    "SELECT pair_id, code, detail, evidence::text AS evidence FROM pair_finding WHERE pair_id = ANY(:ids) ORDER BY id"
)
_FORGET_REVIEWS = text("DELETE FROM pair_review WHERE edit_id = :edit_id")


async def find_edit(session: AsyncSession, edit_id: int) -> PairEdit | None:
    """A change by its id."""
    statement = select(PairEdit).where(PairEdit.id == edit_id)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalar_one_or_none()


async def find_edits(session: AsyncSession, edit_ids: Sequence[int]) -> dict[int, PairEdit]:
    """Changes by their ids."""
    statement = select(PairEdit).where(PairEdit.id.in_(edit_ids))  # type: ignore[attr-defined]  # a column
    return {edit.id: edit for edit in (await session.execute(statement)).scalars()}


async def find_latest_edit(session: AsyncSession, pair_id: int) -> PairEdit | None:
    """The newest change of a pair that is no undoing."""
    edit_id = (await session.execute(_LATEST, {"pair_id": pair_id})).scalar_one()
    return None if edit_id is None else await find_edit(session, edit_id)


async def is_taken_back(session: AsyncSession, pair_id: int, edit_id: int) -> bool:
    """Whether an `undo` of the pair names this change."""
    parameters = {"pair_id": pair_id, "edit_id": edit_id}
    return bool((await session.execute(_IS_TAKEN_BACK, parameters)).scalar_one())


async def list_edits(session: AsyncSession, pair_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Every change of these pairs, in order."""
    return (await session.execute(_EDITS, {"ids": list(pair_ids)})).all()


async def list_reviews(session: AsyncSession, pair_ids: Sequence[int]) -> Sequence[AnyRow]:
    """The last verdict of each reviewer about these pairs."""
    return (await session.execute(_REVIEWS, {"ids": list(pair_ids)})).all()


async def list_findings(session: AsyncSession, pair_ids: Sequence[int]) -> Sequence[AnyRow]:
    """What rules found about these pairs."""
    return (await session.execute(_FINDINGS, {"ids": list(pair_ids)})).all()


async def forget_reviews_of_edit(session: AsyncSession, edit_id: int) -> None:
    """Take back the verdict that came with an edit."""
    await session.execute(_FORGET_REVIEWS, {"edit_id": edit_id})
