"""The history of a pair's texts: every change as a difference, and taking one back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.diffing import diff_pairs
from app.pipeline.values import Pair
from app.services.editing import undo_edit
from app.services.pairs import view_pair, view_rows
from app.services.versions import require_version
from app.store.edit_rows import list_edits
from app.store.edits import lock_pairs
from app.store.reading import AnyRow


async def view_edits(session: AsyncSession, pair_id: int) -> list[dict[str, Any]]:
    """Every change of a pair, the first one first; raises NotFoundError."""
    await view_rows(session, [pair_id])
    return show_edits(await list_edits(session, [pair_id]))


def show_edits(rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    """Changes of one pair as the API shows them."""
    undone_by = {row.undoes: row.id for row in rows if row.undoes is not None}
    return [_show(row, undone_by.get(row.id)) for row in rows]


async def take_back(
    session: AsyncSession, pair_id: int, edit_id: int, etags: Sequence[str], author: str, note: str | None
) -> dict[str, Any]:
    """Put back what stood before a change; answers the pair as it stands then.

    Raises NotFoundError, PreconditionError, or ConflictError where the pair says something else by now.
    """
    await view_rows(session, [pair_id])
    await lock_pairs(session, [pair_id])
    require_version(etags, (await view_pair(session, pair_id))["etag"])
    await undo_edit(session, pair_id, edit_id, author, note)
    return await view_pair(session, pair_id)


def _show(row: AnyRow, undone_by: int | None) -> dict[str, Any]:
    before, after = Pair(row.instruction_before, row.response_before), Pair(row.instruction_after, row.response_after)
    return {
        "id": encode_id("edit", row.id),
        "object": "pair_edit",
        "pair_id": encode_id("pair", row.pair_id),
        "kind": row.kind,
        "rule": row.rule,
        "author": row.author,
        "note": row.note,
        "before": {"instruction": before.instruction, "response": before.response},
        "after": {"instruction": after.instruction, "response": after.response},
        "diff": diff_pairs(before, after),
        "undoes": None if row.undoes is None else encode_id("edit", row.undoes),
        "undone_by": None if undone_by is None else encode_id("edit", undone_by),
        "created_at": row.created_at,
    }
