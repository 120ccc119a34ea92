"""Editing: the one way in which the texts of stored pairs are changed, and in which a change is taken back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, Fault, NotFoundError
from app.ids import encode_id
from app.pipeline.formats.normalise import normalise_text
from app.pipeline.values import Pair
from app.services.answers import count_words
from app.store import models
from app.store.edit_rows import find_edit, forget_reviews_of_edit, is_taken_back
from app.store.edits import RETRANSLATING, STALE, Change, StoredPair, lock_pairs, write_changes

LONGEST_TEXT = 32_000


@dataclass(frozen=True, slots=True)
class TextEdit:
    """New texts for a pair, by a person (`edit`) or by a person's rule (`rule`).

    revision: only if the pair still has this one; None for any
    """

    pair_id: int
    texts: Pair
    kind: str = "edit"
    author: str | None = None
    note: str | None = None
    rule: str | None = None
    revision: int | None = None


async def edit_texts(session: AsyncSession, edits: Sequence[TextEdit]) -> dict[int, int]:
    """Change pairs, each at most once; answers pair id -> edit id of those that were changed.

    Left out: pairs that are gone, were rejected, have another revision, or say exactly this already. A pair that a
    person edits counts as reviewed; a rule changes nothing about that. The status is `edited` from then on.
    """
    found = await lock_pairs(session, [edit.pair_id for edit in edits])
    changes = []
    for edit in edits:
        pair = found.get(edit.pair_id)
        if pair is None or pair.status == "rejected" or pair.texts == edit.texts:
            continue
        if edit.revision is None or edit.revision == pair.revision:
            changes.append(change_texts(pair, edit))
    return await write_changes(session, changes)


async def undo_edit(
    session: AsyncSession, pair_id: int, edit_id: int, author: str | None = None, note: str | None = None
) -> int:
    """Put back the texts and the status from before a change; answers the id of the new `undo` row.

    Taking back a person's edit takes back the verdict that came with it. Raises NotFoundError, or ConflictError where
    the pair says something else by now, or the change was taken back before.
    """
    pair = (await lock_pairs(session, [pair_id])).get(pair_id)
    edit = None if pair is None else await find_edit(session, edit_id)
    if pair is None or edit is None or edit.pair_id != pair_id:
        raise NotFoundError("edit of this pair", encode_id("edit", edit_id))
    if await is_taken_back(session, pair_id, edit_id):
        raise ConflictError("This change has been taken back already.", code="already_undone")
    if pair.texts != Pair(edit.instruction_after, edit.response_after):
        raise ConflictError("The pair was changed again since: take back the later change first.", code="changed_since")
    undone = await write_changes(session, [take_back(pair, edit, author, note)])
    if edit.kind == "edit":
        await forget_reviews_of_edit(session, edit_id)
    return undone[pair_id]


def take_back(pair: StoredPair, edit: models.PairEdit, author: str | None, note: str | None = None) -> Change:
    """The change that restores what stood before an edit of a pair that still says what the edit made of it.

    A repair that a person takes back was somebody's decision: the pair is `edited` then, and reviewed. A translation
    says again what it said before, which may not be what its English pair says now.
    """
    texts = Pair(edit.instruction_before, edit.response_before)
    source = pair.source if edit.source_before is None else edit.source_before
    is_stale = source != pair.english
    kept = pair.flags if is_stale and STALE in pair.flags else confirm_flags(pair)
    return Change(
        pair,
        status=edit.status_before or "edited",
        kind="undo",
        texts=texts,
        words=count_words(texts),
        flags=(*kept, STALE) if is_stale and STALE not in kept else kept,
        is_reviewed={"repair": True, "edit": False}.get(edit.kind),
        source_fingerprint=source if is_stale else None,
        author=author,
        note=note,
        undoes=edit.id,
    )


def change_texts(pair: StoredPair, edit: TextEdit) -> Change:
    """The change that an edit makes of a locked pair."""
    is_by_hand = edit.kind == "edit"
    return Change(
        pair,
        status="edited",
        kind=edit.kind,
        texts=edit.texts,
        words=count_words(edit.texts),
        flags=confirm_flags(pair) if is_by_hand else pair.flags,
        is_reviewed=True if is_by_hand else None,
        author=edit.author,
        note=edit.note,
        rule=edit.rule,
    )


def confirm_flags(pair: StoredPair) -> tuple[str, ...]:
    """The flags of a pair whose texts a person stands in for: it is not stale any more."""
    return tuple(flag for flag in pair.flags if flag not in {STALE, RETRANSLATING})


def read_texts(
    before: Pair, instruction: str | None, response: str | None, pointer: str = ""
) -> tuple[Pair, list[Fault]]:
    """The texts that an edit asks for, in the form in which texts are kept (None: as it is), and what is wrong."""
    texts = Pair(
        before.instruction if instruction is None else normalise_text(instruction),
        before.response if response is None else normalise_text(response),
    )
    faults = []
    for name, value in (("instruction", texts.instruction), ("response", texts.response)):
        if not value:
            faults.append(Fault(f"{pointer}/{name}", "empty", "Write a text, or reject the pair."))
        elif len(value) > LONGEST_TEXT:
            message = f"It has {len(value)} characters; at most {LONGEST_TEXT} are kept."
            faults.append(Fault(f"{pointer}/{name}", "too_long", message))
    if not faults and texts == Pair(before.instruction, before.response):
        message = "These are the pair's texts already; accept it, or change something."
        faults.append(Fault(f"{pointer}/{'response' if instruction is None else 'instruction'}", "unchanged", message))
    return texts, faults
