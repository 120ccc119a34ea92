"""The rows of an export: which pairs go out, what each is called, and what one file of them holds.

`named` numbers the chosen English pairs in the order of items and gives each the name it has in the files. For each
language (and split) `shown` holds the pairs of one file, and `linked` their related names, of pairs in the same file
only. All of it is one snapshot in temporary tables, so memory does not grow; `export_lines` makes lines of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.language_tags import spell_tag
from app.store.filling import fill_table
from app.store.rounds import ROUND
from app.store.session import driver_connection

TIMEOUT_S = 6 * 3600.0
NAMING_ROWS = 5_000

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Namer = Callable[[int, str, int, int, int], str]

# Nothing is locked here, so nobody waits for an export that rests between two statements.
_SETTINGS = (
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
_MAKE_NAMED = (
    "CREATE TEMP TABLE named (seq int NOT NULL, pair_id bigint NOT NULL, item_id bigint NOT NULL,"
    " ordinal smallint NOT NULL, conversation smallint NOT NULL, round smallint NOT NULL, name text NOT NULL)"
    " ON COMMIT DROP"
)
_CHOOSE = f"""
    SELECT (row_number() OVER (ORDER BY i.position, p.ordinal))::int AS seq, p.id AS pair_id, p.item_id, p.ordinal,
        p.conversation, {ROUND} AS round, i.source_id
    FROM pair p JOIN item i ON i.id = p.item_id
    WHERE p.job_id = $1 AND p.language = 'en' AND p.status = ANY($2::text[])
        AND ($3::int IS NULL OR p.words >= $3) AND ($4::bigint[] IS NULL OR p.item_id = ANY($4))
        AND (NOT $5::boolean OR NOT EXISTS (
            SELECT FROM unnest(i.image_ids) AS wanted (image_id) WHERE NOT EXISTS (
                SELECT FROM image m WHERE m.dataset_id = i.dataset_id AND m.image_id = wanted.image_id)))
"""  # noqa: S608  (a constant is put in)
_TELL_APART = """
    UPDATE named SET name = named.name || '_dup' || twin.number
    FROM (SELECT pair_id, row_number() OVER (PARTITION BY name ORDER BY seq) AS number FROM named) AS twin
    WHERE twin.pair_id = named.pair_id AND twin.number > 1
"""
_SHOWN = """
    CREATE TEMP TABLE shown ON COMMIT DROP AS
    SELECT n.seq, n.pair_id AS english_id, {pair_id} AS pair_id, n.item_id, n.ordinal, n.conversation, n.round,
        to_json(n.name)::text AS name
    FROM named n {joins}
"""
_OF_LANGUAGE = "JOIN pair t ON t.translation_of = n.pair_id AND t.language = '{}' AND t.status <> 'rejected'{}"
_OF_SPLIT = "JOIN placed ON placed.item_id = n.item_id AND placed.split = {:d}"
_LINK = """
    CREATE TEMP TABLE linked ON COMMIT DROP AS
    SELECT s.seq, s.pair_id, s.item_id, s.ordinal, s.conversation, s.round, s.name, '[' || array_to_string(ARRAY(
        SELECT o.name FROM unnest(r.related_pair_ids) WITH ORDINALITY AS link (english_id, place)
        JOIN shown o ON o.english_id = link.english_id
        WHERE link.english_id <> s.english_id ORDER BY link.place
    ), ',') || ']' AS related
    FROM shown s LEFT JOIN relation r ON r.pair_id = s.english_id
"""
# A stale translation says what its English pair said before that was changed.
CURRENT = " AND NOT 'stale' = ANY(t.flags)"
_COUNT_TRANSLATIONS = """
    SELECT t.language, count(*) FROM named n JOIN pair t ON t.translation_of = n.pair_id
    WHERE t.status <> 'rejected' AND t.language = ANY($1::text[]){} GROUP BY t.language
"""
# xmin changes with every change of a row, whoever makes it.
_FINGERPRINT = """
    SELECT
        (SELECT count(*) || ':' || coalesce(sum(hashint8extended(id, xmin::text::bigint)), 0)
            FROM pair WHERE job_id = $1) || '/' ||
        (SELECT count(*) || ':' || coalesce(sum(hashint8extended(pair_id, xmin::text::bigint)), 0)
            FROM relation WHERE job_id = $1) || '/' ||
        (SELECT count(*) || ':' || coalesce(sum(hashint8extended(id, xmin::text::bigint)), 0)
            FROM image WHERE dataset_id = $2)
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pairs of a job go out: the English ones that pass every filter, and their translations.

    min_words: words of instruction and response together; item_ids: None for all; is_complete: only pairs all of
    whose images were uploaded
    """

    job_id: int
    statuses: tuple[str, ...]
    min_words: int | None = None
    item_ids: tuple[int, ...] | None = None
    is_complete: bool = False

    def values(self) -> tuple[Any, ...]:
        """The parameters of the choice, in order."""
        items = None if self.item_ids is None else list(self.item_ids)
        return (self.job_id, list(self.statuses), self.min_words, items, self.is_complete)


async def begin_snapshot(session: AsyncSession, job_id: int, dataset_id: int) -> str:
    """One snapshot for all that follows; the session must be fresh. Answers a fingerprint of what it sees.

    As long as the fingerprint is the same, so are the pairs, relations and images that an export reads.
    """
    await _prepare(session)
    connection = await driver_connection(session)
    return str(await connection.fetchval(_FINGERPRINT, job_id, dataset_id, timeout=TIMEOUT_S))


async def name_pairs(session: AsyncSession, selection: Selection, name: Namer) -> int:
    """Fill `named`; `name(serial, source_id, ordinal, conversation, round)` names a pair. Returns how many there are.

    Names that a kind gives twice (source ids may repeat) are told apart by `_dup2` and so on.
    """
    await _prepare(session)
    connection = await driver_connection(session)
    await connection.execute(_MAKE_NAMED)
    total = 0
    cursor = await connection.cursor(_CHOOSE + " ORDER BY seq", *selection.values())
    while rows := await cursor.fetch(NAMING_ROWS, timeout=TIMEOUT_S):
        total += len(rows)
        named = [
            (seq, pair_id, item_id, ordinal, conversation, turn, name(seq, source_id, ordinal, conversation, turn))
            for seq, pair_id, item_id, ordinal, conversation, turn, source_id in rows
        ]
        await fill_table(connection, "named", named)
    await connection.execute(_TELL_APART, timeout=TIMEOUT_S)
    await _index_named(connection)
    return total


async def number_pairs(session: AsyncSession, selection: Selection) -> int:
    """Fill `named` with public ids as names. Returns how many there are."""
    await _prepare(session)
    connection = await driver_connection(session)
    await connection.execute(_MAKE_NAMED)
    status = await connection.execute(
        f"INSERT INTO named SELECT seq, pair_id, item_id, ordinal, conversation, round, {public_id('pair', 'pair_id')} "  # noqa: S608
        f"FROM ({_CHOOSE}) AS chosen ORDER BY seq",
        *selection.values(),
        timeout=TIMEOUT_S,
    )
    await _index_named(connection)
    return int(status.rpartition(" ")[2])


async def show_language(
    session: AsyncSession, language: str, split: int | None = None, *, keeps_stale: bool = False
) -> int:
    """Fill `shown` and `linked` for one language (`en` or a checked code). Returns how many pairs it has.

    split: only items that `placed` has there (see `export_splits`); keeps_stale: stale translations are shown too
    """
    connection = await driver_connection(session)
    await connection.execute("DROP TABLE IF EXISTS linked, shown")
    if spell_tag(language) != language:
        raise ValueError(f"{language!r} is no language code")
    joins = [] if language == "en" else [_OF_LANGUAGE.format(language, "" if keeps_stale else CURRENT)]
    joins += [] if split is None else [_OF_SPLIT.format(split)]
    show = _SHOWN.format(pair_id="n.pair_id" if language == "en" else "t.id", joins=" ".join(joins))
    status = await connection.execute(show, timeout=TIMEOUT_S)
    await connection.execute("CREATE UNIQUE INDEX ON shown (english_id)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE shown", timeout=TIMEOUT_S)
    await connection.execute(_LINK, timeout=TIMEOUT_S)
    await connection.execute("CREATE UNIQUE INDEX ON linked (seq)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE linked", timeout=TIMEOUT_S)
    return int(status.rpartition(" ")[2])


async def count_translations(
    session: AsyncSession, languages: list[str], *, keeps_stale: bool = False
) -> dict[str, int]:
    """How many translations of the named pairs there are, by language."""
    connection = await driver_connection(session)
    counting = _COUNT_TRANSLATIONS.format("" if keeps_stale else CURRENT)
    found = await connection.fetch(counting, languages, timeout=TIMEOUT_S)
    return dict.fromkeys(languages, 0) | dict(found)


async def count_pairs(session: AsyncSession, selection: Selection) -> int:
    """How many English pairs a selection has."""
    connection = await driver_connection(session)
    counting = f"SELECT count(*) FROM ({_CHOOSE}) AS chosen"  # noqa: S608  # a constant of this module
    return int(await connection.fetchval(counting, *selection.values(), timeout=TIMEOUT_S))


def public_id(prefix: str, column: str) -> str:
    """`app.ids.encode_id` in SQL."""
    digits = [f"substr('{_ALPHABET}', ({column} >> {shift} & 31)::int + 1, 1)" for shift in range(60, -1, -5)]
    return f"'{prefix}_' || {' || '.join(digits)}"


async def _prepare(session: AsyncSession) -> None:
    if session.in_transaction():
        return
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    for statement in _SETTINGS:
        await session.execute(text(statement))


async def _index_named(connection: Any) -> None:
    await connection.execute("CREATE UNIQUE INDEX ON named (seq)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE named", timeout=TIMEOUT_S)
