"""Changes of stored pairs: their texts, status and flags change here and nowhere else, with all that follows.

What follows: the change is kept in `pair_edit`, translations of changed English texts go stale (or are current again),
and the roll-ups of the queues move. Pairs are locked by id, an English one before its translations.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair
from app.store.queue_tallies import count_pair
from app.store.reading import AnyRow
from app.store.tallies import add_tallies

STALE = "stale"
"""A translation says what its English pair said before it was changed."""
RETRANSLATING = "retranslating"
"""A stale translation that was asked for again; it is replaced when the new one comes."""

_COLUMNS = """
    id, job_id, item_id, ordinal, language, translation_of, instruction, response, status, flags, revision,
    reviewed_at IS NOT NULL AS is_reviewed, source_fingerprint
"""
_ENGLISH_OF = text("SELECT DISTINCT coalesce(translation_of, id) FROM pair WHERE id = ANY(:ids)")
_LOCK = text(
    f"SELECT {_COLUMNS} FROM pair WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"  # noqa: S608  # a constant
)
_UPDATE = text(
    """
    UPDATE pair SET instruction = a.instruction, response = a.response, words = coalesce(a.words, pair.words),
        status = a.status, flags = string_to_array(a.flags, ','), call_id = coalesce(a.call_id, pair.call_id),
        revision = pair.revision + 1,
        reviewed_at = CASE a.mark WHEN 'set' THEN clock_timestamp() WHEN 'keep' THEN pair.reviewed_at END,
        source_fingerprint = CASE WHEN 'stale' = ANY(string_to_array(a.flags, ','))
            THEN coalesce(a.source, pair.source_fingerprint) END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:instructions AS text[]), CAST(:responses AS text[]),
            CAST(:words AS int[]), CAST(:statuses AS text[]), CAST(:flags AS text[]), CAST(:calls AS bigint[]),
            CAST(:marks AS text[]), CAST(:sources AS bigint[]))
        AS a (id, instruction, response, words, status, flags, call_id, mark, source)
    WHERE pair.id = a.id
    """
)
_INSERT_EDITS = text(
    """
    INSERT INTO pair_edit (job_id, pair_id, kind, rule, author, note, instruction_before, response_before,
        instruction_after, response_after, status_before, source_before, undoes)
    SELECT * FROM unnest(CAST(:jobs AS bigint[]), CAST(:pairs AS bigint[]), CAST(:kinds AS text[]),
        CAST(:rules AS text[]), CAST(:authors AS text[]), CAST(:notes AS text[]), CAST(:a AS text[]),
        CAST(:b AS text[]), CAST(:c AS text[]), CAST(:d AS text[]), CAST(:statuses AS text[]),
        CAST(:sources AS bigint[]), CAST(:undoes AS bigint[]))
    RETURNING pair_id, id
    """
)
# A translation that was current until now says what the English pair said before; a stale one knows what it says.
_RESTALE = text(
    """
    UPDATE pair t SET revision = t.revision + 1,
        flags = CASE WHEN s.is_stale THEN array_append(t.flags, 'stale')
            ELSE array_remove(array_remove(t.flags, 'stale'), 'retranslating') END,
        source_fingerprint = CASE WHEN s.is_stale THEN s.source END,
        reviewed_at = CASE WHEN s.is_stale THEN NULL ELSE t.reviewed_at END
    FROM (
        SELECT o.id, o.flags AS flags_before, o.reviewed_at IS NOT NULL AS was_reviewed,
            coalesce(o.source_fingerprint, e.fingerprint_before) AS source,
            coalesce(o.source_fingerprint, e.fingerprint_before) <> e.fingerprint AS is_stale
        FROM unnest(CAST(:ids AS bigint[]), CAST(:befores AS bigint[]), CAST(:afters AS bigint[]))
            AS e (id, fingerprint_before, fingerprint)
        JOIN pair o ON o.translation_of = e.id
    ) s
    WHERE t.id = s.id AND s.is_stale <> ('stale' = ANY(t.flags))
    RETURNING t.job_id, t.language, t.status, s.flags_before, s.was_reviewed, t.flags,
        t.reviewed_at IS NOT NULL AS is_reviewed
    """
)


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A pair as it stands, ours until commit.

    english, source: of a translation, fingerprints of what its English pair says, and of what it is a translation of
    """

    id: int
    job_id: int
    item_id: int
    ordinal: int
    language: str
    translation_of: int | None
    instruction: str
    response: str
    status: str
    flags: tuple[str, ...]
    revision: int
    is_reviewed: bool
    english: int | None = None
    source: int | None = None

    @property
    def texts(self) -> Pair:
        return Pair(self.instruction, self.response)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a locked pair.

    kind, texts, words: of a change of the texts, one of EDIT_KINDS; None leaves them as they are
    flags: all that it has from now on
    is_reviewed: whether a person has judged what stands there now; None keeps what is known
    source_fingerprint: of the English texts that a stale translation says, where that is news
    """

    pair: StoredPair
    status: str
    kind: str | None = None
    texts: Pair | None = None
    words: int | None = None
    flags: tuple[str, ...] = ()
    is_reviewed: bool | None = None
    call_id: int | None = None
    source_fingerprint: int | None = None
    rule: str | None = None
    author: str | None = None
    note: str | None = None
    undoes: int | None = None


async def lock_pairs(session: AsyncSession, pair_ids: Sequence[int]) -> dict[int, StoredPair]:
    """Those of the pairs that exist, by id; their English pairs are locked too, and first."""
    english = sorted((await session.execute(_ENGLISH_OF, {"ids": list(pair_ids)})).scalars())
    found = list(await session.execute(_LOCK, {"ids": english}))
    others = sorted(set(pair_ids) - {row.id for row in found})
    if others:
        found += list(await session.execute(_LOCK, {"ids": others}))
    wanted = set(pair_ids)
    texts = {
        row.id: source_fingerprint(Pair(row.instruction, row.response)) for row in found if row.translation_of is None
    }
    return {row.id: _read_pair(row, texts) for row in found if row.id in wanted}


def _read_pair(row: AnyRow, english: Mapping[int, int]) -> StoredPair:
    """A locked row; a translation is one of what its English pair says now, unless it is stale."""
    says = None if row.translation_of is None else english[row.translation_of]
    return StoredPair(
        id=row.id,
        job_id=row.job_id,
        item_id=row.item_id,
        ordinal=row.ordinal,
        language=row.language,
        translation_of=row.translation_of,
        instruction=row.instruction,
        response=row.response,
        status=row.status,
        flags=tuple(row.flags),
        revision=row.revision,
        is_reviewed=row.is_reviewed,
        english=says,
        source=says if row.source_fingerprint is None else row.source_fingerprint,
    )


async def write_changes(session: AsyncSession, changes: Sequence[Change]) -> dict[int, int]:
    """Change locked pairs, each at most once, and all that follows; answers pair id -> id of its `pair_edit`."""
    if not changes:
        return {}
    await session.execute(_UPDATE, _columns_of(changes))
    tallies: Counter[tuple[int, str]] = Counter()
    for change in changes:
        pair = change.pair
        is_reviewed = pair.is_reviewed if change.is_reviewed is None else change.is_reviewed
        count_pair(tallies, pair.job_id, pair.language, pair.status, pair.flags, is_reviewed=pair.is_reviewed, n=-1)
        count_pair(tallies, pair.job_id, pair.language, change.status, change.flags, is_reviewed=is_reviewed)
    edited = [change for change in changes if change.kind is not None]
    edit_ids = await _insert_edits(session, edited) if edited else {}
    await _restale_translations(session, edited, tallies)
    await add_tallies(session, tallies, 0)
    return edit_ids


def _columns_of(changes: Sequence[Change]) -> dict[str, list[object]]:
    texts = [change.texts or change.pair.texts for change in changes]
    marks = {None: "keep", True: "set", False: "clear"}
    return {
        "ids": [change.pair.id for change in changes],
        "instructions": [pair.instruction for pair in texts],
        "responses": [pair.response for pair in texts],
        "words": [change.words for change in changes],
        "statuses": [change.status for change in changes],
        "flags": [",".join(change.flags) for change in changes],
        "calls": [change.call_id for change in changes],
        "marks": [marks[change.is_reviewed] for change in changes],
        "sources": [change.source_fingerprint for change in changes],
    }


async def _insert_edits(session: AsyncSession, changes: Sequence[Change]) -> dict[int, int]:
    after = [change.texts or change.pair.texts for change in changes]
    parameters = {
        "jobs": [change.pair.job_id for change in changes],
        "pairs": [change.pair.id for change in changes],
        "kinds": [change.kind for change in changes],
        "rules": [change.rule for change in changes],
        "authors": [change.author for change in changes],
        "notes": [change.note for change in changes],
        "a": [change.pair.instruction for change in changes],
        "b": [change.pair.response for change in changes],
        "c": [texts.instruction for texts in after],
        "d": [texts.response for texts in after],
        "statuses": [change.pair.status for change in changes],
        "sources": [change.pair.source for change in changes],
        "undoes": [change.undoes for change in changes],
    }
    return {row.pair_id: row.id for row in await session.execute(_INSERT_EDITS, parameters)}


async def _restale_translations(
    session: AsyncSession, changes: Sequence[Change], tallies: Counter[tuple[int, str]]
) -> None:
    english = [change for change in changes if change.pair.translation_of is None]
    if not english:
        return
    parameters = {
        "ids": [change.pair.id for change in english],
        "befores": [source_fingerprint(change.pair.texts) for change in english],
        "afters": [source_fingerprint(change.texts or change.pair.texts) for change in english],
    }
    for row in await session.execute(_RESTALE, parameters):
        job_id, language, status, flags_before, was_reviewed, flags, is_reviewed = row
        count_pair(tallies, job_id, language, status, flags_before, is_reviewed=was_reviewed, n=-1)
        count_pair(tallies, job_id, language, status, flags, is_reviewed=is_reviewed)
