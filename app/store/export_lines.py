"""The lines of exported files, made by PostgreSQL out of `shown` and `linked` (see `export_rows`)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.copying import AS_CSV, CopiedRows
from app.store.export_rows import public_id

_IMAGE_IDS = "to_json(i.image_ids)::text"
_NO_IMAGES = "'[]'"
_FORMULA_STARTS = r"ARRAY['=', '+', '-', '@', E'\t', E'\r']"

_ENTRIES = """
    SELECT ',' || l.name || ':{"instruction":' || to_json(p.instruction)::text || ',"answer":'
        || to_json(p.response)::text || ',"image_ids":' || %(images)s || ',"rel_ins_ids":'
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
_ENGLISH = """
        SELECT l.seq, l.item_id, l.ordinal, l.conversation, l.round, l.related, l.name AS id, NULL::text AS original,
            p.language, p.instruction, p.response, p.status, p.flags
        FROM linked l JOIN pair p ON p.id = l.pair_id
"""
_TRANSLATED = """
        SELECT l.seq, l.item_id, l.ordinal, l.conversation, l.round, l.related,
            '"' || %(id)s || '"' AS id, l.name AS original, t.language, t.instruction, t.response, t.status, t.flags
        FROM linked l JOIN pair t ON t.translation_of = l.pair_id
        WHERE t.language = ANY('%(languages)s'::text[]) AND t.status <> 'rejected'
"""
_ROWS = """
    FROM (%(rows)s) AS line JOIN item i ON i.id = line.item_id
    ORDER BY %(order)s
"""
_LINES = (
    """
    SELECT '{"id":' || line.id || ',"source_id":' || to_json(i.source_id)::text || ',"ordinal":' || ordinal
        || ',"conversation":' || conversation || ',"round":' || round
        || ',"language":"' || language || '","translation_of":' || coalesce(original, 'null')
        || ',"instruction":' || to_json(instruction)::text || ',"response":' || to_json(response)::text
        || ',"status":"' || status || '","flags":' || to_json(flags)::text
        || ',"image_ids":' || %(images)s || ',"related_pair_ids":' || related || '}'
"""
    + _ROWS
)
_CELLS = (
    """
    SELECT trim(line.id, '"') AS id, %(source_id)s AS source_id, ordinal, conversation, round, language,
        trim(original, '"') AS translation_of, %(instruction)s AS instruction, %(response)s AS response, status,
        to_json(flags)::text AS flags, %(images)s AS image_ids, related AS related_pair_ids
"""
    + _ROWS
)


def stream_entries(session: AsyncSession, *, has_images: bool = True) -> CopiedRows:
    """`,"NAME":{"instruction", "answer", "image_ids", "rel_ins_ids"}` and a newline for each pair shown."""
    return CopiedRows(session, _ENTRIES % {"images": _IMAGE_IDS if has_images else _NO_IMAGES})


def stream_train(session: AsyncSession, rule: str) -> CopiedRows:
    """`,"NAME":["NAME", …]` and a newline for each pair that is trained on; `rule` is a kind's train rule."""
    return CopiedRows(session, _TRAIN[rule])


def stream_lines(session: AsyncSession, languages: Sequence[str], *, has_images: bool = True) -> CopiedRows:
    """One JSON object a line: each English pair shown and its translations, as far as their languages are asked for."""
    return CopiedRows(session, _LINES % _rows_of(languages, has_images))


def stream_cells(session: AsyncSession, languages: Sequence[str], *, has_images: bool = True) -> CopiedRows:
    """The same as CSV with a header; lists are JSON, and no cell begins like a formula."""
    guarded = {name: _guard(name) for name in ("instruction", "response")} | {"source_id": _guard("i.source_id")}
    return CopiedRows(session, _CELLS % (_rows_of(languages, has_images) | guarded), AS_CSV)


def _rows_of(languages: Sequence[str], has_images: bool) -> dict[str, str]:
    if not all(language.isalpha() for language in languages):
        raise ValueError(f"{languages!r} are no language codes")
    others = [language for language in languages if language != "en"]
    translated = _TRANSLATED % {"id": public_id("pair", "t.id"), "languages": "{" + ",".join(others) + "}"}
    parts = ([_ENGLISH] if "en" in languages else []) + ([translated] if others else [])
    return {
        "rows": " UNION ALL ".join(parts),
        "order": "seq, original NULLS FIRST, language" if others else "seq",
        "images": _IMAGE_IDS if has_images else _NO_IMAGES,
    }


def _guard(column: str) -> str:
    """A text as a cell: a quote goes before what a spreadsheet would take for a formula."""
    return f"CASE WHEN left({column}, 1) = ANY({_FORMULA_STARTS}) THEN '''' ELSE '' END || {column}"
