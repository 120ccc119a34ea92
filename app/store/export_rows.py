"""The rows of an export, made into lines of JSON by PostgreSQL: one snapshot, one order, memory that does not grow.

`named` numbers the chosen English pairs in the order of items and gives each the name it has in the files. For each
language `shown` holds the pairs of one file, and `linked` their related names, of pairs in the same file only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.rounds import ROUND
from app.store.session import driver_connection

TIMEOUT_S = 6 * 3600.0
NAMING_ROWS = 5_000
CHUNKS_AHEAD = 8

# JSON holds no control characters, so neither of these occurs: every line comes out as it is.
_VERBATIM = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Namer = Callable[[int, str, int, int, int], str]

_SETTINGS = ("SET LOCAL work_mem = '64MB'", "SET LOCAL jit = off", "SET LOCAL statement_timeout = 0")
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
"""  # noqa: S608  (a constant is put in)
_TELL_APART = """
    UPDATE named SET name = named.name || '_dup' || twin.number
    FROM (SELECT pair_id, row_number() OVER (PARTITION BY name ORDER BY seq) AS number FROM named) AS twin
    WHERE twin.pair_id = named.pair_id AND twin.number > 1
"""
_SHOW_ENGLISH = """
    CREATE TEMP TABLE shown ON COMMIT DROP AS
    SELECT seq, pair_id AS english_id, pair_id, item_id, ordinal, conversation, round, to_json(name)::text AS name
    FROM named
"""
_SHOW_LANGUAGE = """
    CREATE TEMP TABLE shown ON COMMIT DROP AS
    SELECT n.seq, n.pair_id AS english_id, t.id AS pair_id, n.item_id, n.ordinal, n.conversation, n.round,
        to_json(n.name)::text AS name
    FROM named n JOIN pair t ON t.translation_of = n.pair_id AND t.language = '{language}' AND t.status <> 'rejected'
"""
_LINK = """
    CREATE TEMP TABLE linked ON COMMIT DROP AS
    SELECT s.seq, s.pair_id, s.item_id, s.ordinal, s.conversation, s.round, s.name, '[' || array_to_string(ARRAY(
        SELECT o.name FROM unnest(r.related_pair_ids) WITH ORDINALITY AS link (english_id, place)
        JOIN shown o ON o.english_id = link.english_id
        WHERE link.english_id <> s.english_id ORDER BY link.place
    ), ',') || ']' AS related
    FROM shown s LEFT JOIN relation r ON r.pair_id = s.english_id
"""
_ENTRIES = """
    SELECT ',' || l.name || ':{"instruction":' || to_json(p.instruction)::text || ',"answer":'
        || to_json(p.response)::text || ',"image_ids":' || to_json(i.image_ids)::text || ',"rel_ins_ids":'
        || l.related || '}'
    FROM linked l JOIN pair p ON p.id = l.pair_id JOIN item i ON i.id = l.item_id ORDER BY l.seq
"""
_TRAIN = {
    "empty": "SELECT ',' || name || ':[]' FROM linked ORDER BY seq",
    "related": "SELECT ',' || name || ':' || related FROM linked ORDER BY seq",
    "first_two": """
        SELECT ',' || name || ':[' || coalesce((
            SELECT string_agg(link::text, ',' ORDER BY place)
            FROM json_array_elements(related::json) WITH ORDINALITY AS listed (link, place) WHERE place <= 2
        ), '') || ']' FROM linked ORDER BY seq
    """,
    "last_round": """
        SELECT ',' || name || CASE
            WHEN before IS NULL THEN ':[]'
            ELSE ':[' || coalesce(before_that, before) || ',' || before || ']' END
        FROM (
            SELECT seq, name, lag(name, 1) OVER rounds AS before, lag(name, 2) OVER rounds AS before_that,
                lead(name) OVER rounds IS NULL AS is_last
            FROM shown WINDOW rounds AS (PARTITION BY item_id, conversation ORDER BY ordinal)
        ) AS round WHERE is_last ORDER BY seq
    """,
}
_LINES = """
    SELECT '{"id":' || line.id || ',"source_id":' || to_json(i.source_id)::text || ',"ordinal":' || ordinal
        || ',"conversation":' || conversation || ',"round":' || round
        || ',"language":"' || language || '","translation_of":' || coalesce(original, 'null')
        || ',"instruction":' || to_json(instruction)::text || ',"response":' || to_json(response)::text
        || ',"status":"' || status || '","flags":' || to_json(flags)::text
        || ',"image_ids":' || to_json(i.image_ids)::text || ',"related_pair_ids":' || related || '}'
    FROM (
        SELECT l.seq, l.item_id, l.ordinal, l.conversation, l.round, l.related, l.name AS id, NULL AS original,
            p.language, p.instruction, p.response, p.status, p.flags
        FROM linked l JOIN pair p ON p.id = l.pair_id WHERE %(has_english)s
        UNION ALL
        SELECT l.seq, l.item_id, l.ordinal, l.conversation, l.round, l.related, '"' || %(id)s || '"', l.name,
            t.language, t.instruction, t.response, t.status, t.flags
        FROM linked l JOIN pair t ON t.translation_of = l.pair_id
        WHERE t.language = ANY('%(languages)s'::text[]) AND t.status <> 'rejected'
    ) AS line JOIN item i ON i.id = line.item_id
    ORDER BY seq, original NULLS FIRST, language
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pairs of a job go out: the English ones with these statuses, and their translations."""

    job_id: int
    statuses: tuple[str, ...]


async def name_pairs(session: AsyncSession, selection: Selection, name: Namer) -> int:
    """Fill `named`; `name` is a kind's `instruction_id`. Returns how many there are.

    Names that a kind gives twice (source ids may repeat) are told apart by `_dup2` and so on.
    """
    await _prepare(session)
    connection = await driver_connection(session)
    total = 0
    cursor = await connection.cursor(_CHOOSE + " ORDER BY seq", selection.job_id, list(selection.statuses))
    while rows := await cursor.fetch(NAMING_ROWS, timeout=TIMEOUT_S):
        total += len(rows)
        named = [
            (seq, pair_id, item_id, *place, name(seq, source_id, *place))
            for seq, pair_id, item_id, *place, source_id in rows
        ]
        await connection.copy_records_to_table("named", records=named, timeout=TIMEOUT_S)
    await connection.execute(_TELL_APART, timeout=TIMEOUT_S)
    await _index_named(connection)
    return total


async def number_pairs(session: AsyncSession, selection: Selection) -> int:
    """Fill `named` with public ids as names. Returns how many there are."""
    await _prepare(session)
    connection = await driver_connection(session)
    status = await connection.execute(
        "INSERT INTO named SELECT seq, pair_id, item_id, ordinal, conversation, round, "  # noqa: S608
        f"{_public_id('pair', 'pair_id')} FROM ({_CHOOSE}) AS chosen ORDER BY seq",
        selection.job_id,
        list(selection.statuses),
        timeout=TIMEOUT_S,
    )
    await _index_named(connection)
    return int(status.rpartition(" ")[2])


async def show_language(session: AsyncSession, language: str) -> int:
    """Fill `shown` and `linked` for one language (`en` or a checked code). Returns how many pairs it has."""
    connection = await driver_connection(session)
    await connection.execute("DROP TABLE IF EXISTS linked, shown")
    if not language.isalpha():
        raise ValueError(f"{language!r} is no language code")
    show = _SHOW_ENGLISH if language == "en" else _SHOW_LANGUAGE.format(language=language)
    status = await connection.execute(show, timeout=TIMEOUT_S)
    await connection.execute("CREATE UNIQUE INDEX ON shown (english_id)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE shown", timeout=TIMEOUT_S)
    await connection.execute(_LINK, timeout=TIMEOUT_S)
    await connection.execute("ANALYZE linked", timeout=TIMEOUT_S)
    return int(status.rpartition(" ")[2])


def stream_entries(session: AsyncSession) -> AsyncIterator[bytes]:
    """`,"NAME":{"instruction", "answer", "image_ids", "rel_ins_ids"}` and a newline for each pair shown."""
    return _stream(session, _ENTRIES)


def stream_train(session: AsyncSession, rule: str) -> AsyncIterator[bytes]:
    """`,"NAME":["NAME", …]` and a newline for each pair that is trained on; `rule` is a kind's train rule."""
    return _stream(session, _TRAIN[rule])


def stream_lines(session: AsyncSession, languages: Sequence[str]) -> AsyncIterator[bytes]:
    """One JSON object a line: each English pair shown and its translations, as far as their languages are asked for."""
    if not all(language.isalpha() for language in languages):
        raise ValueError(f"{languages!r} are no language codes")
    values = {
        "id": _public_id("pair", "t.id"),
        "has_english": "TRUE" if "en" in languages else "FALSE",
        "languages": "{" + ",".join(languages) + "}",
    }
    return _stream(session, _LINES % values)


async def count_translations(session: AsyncSession, languages: Sequence[str]) -> dict[str, int]:
    """How many translations of the named pairs there are, by language."""
    statement = text(
        "SELECT t.language, count(*) FROM named n JOIN pair t ON t.translation_of = n.pair_id"
        " WHERE t.status <> 'rejected' AND t.language = ANY(:languages) GROUP BY t.language"
    )
    counts = dict.fromkeys(languages, 0)
    for language, count in await session.execute(statement, {"languages": list(languages)}):
        counts[language] = count
    return counts


async def _prepare(session: AsyncSession) -> None:
    """One snapshot for all that follows; the session must be fresh."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    for statement in (*_SETTINGS, _MAKE_NAMED):
        await session.execute(text(statement))


async def _index_named(connection: Any) -> None:
    await connection.execute("CREATE UNIQUE INDEX ON named (seq)", timeout=TIMEOUT_S)
    await connection.execute("ANALYZE named", timeout=TIMEOUT_S)


def _public_id(prefix: str, column: str) -> str:
    """`app.ids.encode_id` in SQL."""
    digits = [f"substr('{_ALPHABET}', ({column} >> {shift} & 31)::int + 1, 1)" for shift in range(60, -1, -5)]
    return f"'{prefix}_' || {' || '.join(digits)}"


async def _stream(session: AsyncSession, query: str) -> AsyncIterator[bytes]:
    """The output of COPY, pulled: PostgreSQL waits while nobody reads."""
    connection = await driver_connection(session)
    chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_AHEAD)
    copying = asyncio.ensure_future(
        connection.copy_from_query(query, output=chunks.put, timeout=TIMEOUT_S, **_VERBATIM)
    )
    try:
        while True:
            getting = asyncio.ensure_future(chunks.get())
            await asyncio.wait({getting, copying}, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                yield getting.result()
                continue
            getting.cancel()
            await copying
            while not chunks.empty():
                yield chunks.get_nowait()
            return
    finally:
        copying.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await copying
