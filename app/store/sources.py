"""Translations that come in while their English pairs may be changed, and those that replace stale ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair
from app.store.edits import STALE, Change, lock_pairs, write_changes

# The lock makes an edit wait until these translations are there for it to find. English pairs that never changed send
# no texts.
_LOCK_SOURCES = text(
    """
    SELECT id, CASE WHEN revision > 0 THEN instruction END, CASE WHEN revision > 0 THEN response END
    FROM pair WHERE id = ANY(:ids) ORDER BY id FOR SHARE
    """
)
_FIND_REPLACED = text(
    """
    SELECT id, translation_of, language FROM pair
    WHERE translation_of = ANY(:ids) AND 'retranslating' = ANY(flags) ORDER BY id
    """
)
_FORGET_FINDINGS = text("DELETE FROM pair_finding WHERE pair_id = ANY(:ids)")


@dataclass(frozen=True, slots=True)
class Sources:
    """The English pairs of a batch of translations, ours until commit: those there are, and the changed ones' texts."""

    present: frozenset[int]
    changed: Mapping[int, Pair]

    def is_outdated(self, source_id: int, texts: Pair | None) -> bool:
        """Whether a translation of these texts is not one of what the pair says now."""
        now = self.changed.get(source_id)
        return now is not None and texts is not None and (now.instruction, now.response) != _texts_of(texts)


@dataclass(frozen=True, slots=True)
class NewTranslation:
    """A translation that replaces a stale one: its texts, its flags by the rules, and what it is a translation of."""

    source_id: int
    language: str
    texts: Pair
    words: int
    flags: tuple[str, ...]
    source: Pair | None
    call_id: int | None


async def lock_sources(session: AsyncSession, pair_ids: Iterable[int]) -> Sources:
    """Hold the English pairs of translations that are about to be stored."""
    ids = sorted(set(pair_ids))
    rows = list(await session.execute(_LOCK_SOURCES, {"ids": ids}))
    changed = {row[0]: Pair(row[1], row[2]) for row in rows if row[1] is not None}
    return Sources(frozenset(row[0] for row in rows), changed)


async def find_replaced(session: AsyncSession, sources: Sources) -> dict[tuple[int, str], int]:
    """Stale translations that were asked for again, as (English pair, language) -> pair; none without changed pairs."""
    if not sources.changed:
        return {}
    rows = await session.execute(_FIND_REPLACED, {"ids": list(sources.changed)})
    return {(row[1], row[2]): row[0] for row in rows}


async def replace_translations(
    session: AsyncSession, sources: Sources, replaced: Sequence[tuple[int, NewTranslation]]
) -> None:
    """Put new texts into stale translations, given as (pair, what comes); the old texts stay in `pair_edit`."""
    found = await lock_pairs(session, [pair_id for pair_id, _ in replaced])
    await session.execute(_FORGET_FINDINGS, {"ids": list(found)})
    changes = []
    for pair_id, new in replaced:
        is_outdated = sources.is_outdated(new.source_id, new.source)
        changes.append(
            Change(
                found[pair_id],
                status="flagged" if new.flags else "accepted",
                kind="retranslation",
                texts=new.texts,
                words=new.words,
                flags=(*new.flags, STALE) if is_outdated else new.flags,
                is_reviewed=False,
                call_id=new.call_id,
                source_fingerprint=source_fingerprint(new.source) if is_outdated and new.source else None,
            )
        )
    await write_changes(session, changes)


async def mark_outdated(session: AsyncSession, outdated: Mapping[int, Pair]) -> None:
    """Mark translations that were just stored of texts (given) that their English pairs no longer have."""
    found = await lock_pairs(session, list(outdated))
    changes = [
        Change(
            pair,
            status=pair.status,
            flags=(*pair.flags, STALE),
            source_fingerprint=source_fingerprint(outdated[pair.id]),
        )
        for pair in found.values()
    ]
    await write_changes(session, changes)


def _texts_of(pair: Pair) -> tuple[str, str]:
    return (pair.instruction, pair.response)
