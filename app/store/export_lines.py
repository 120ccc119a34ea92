"""The lines of exported files, made by PostgreSQL out of `shown` and `linked` (see `export_rows`)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.language_tags import spell_tag
from app.store.copying import AS_CSV, CopiedRows
from app.store.export_rows import CURRENT, public_id

_IMAGE_IDS = "to_json(image_ids)::text"
_NO_IMAGES = "'[]'"
_FORMULA_STARTS = r"ARRAY['=', '+', '-', '@', E'\t', E'\r']"

# Lines are made part by part: the pairs of a part, their items and what is sorted of them fit into `work_mem`.
PART_PAIRS = 100_000
_PARTS = """
    SELECT min(seq), max(seq), min(pair_id), max(pair_id), min(item_id), max(item_id)
    FROM linked GROUP BY (seq - 1) / {} ORDER BY 1
"""
# What all pairs of an item have in common is made once for it: OFFSET 0 keeps the planner from making it for each pair,
# and from sorting whole lines instead of what goes into them.
_COMMON = """
    SELECT id, to_json(source_id)::text AS source_id, %(images)s AS image_ids FROM item
    WHERE id BETWEEN $5 AND $6 OFFSET 0
"""
_ENTRIES = f"""
    SELECT ',' || name || ':{{"instruction":', to_json(instruction), ',"answer":', to_json(response),
        ',"image_ids":' || image_ids || ',"rel_ins_ids":' || related || '}}'
    FROM (
        SELECT l.name, p.instruction, p.response, i.image_ids, l.related
        FROM linked l JOIN pair p ON p.id = l.pair_id JOIN ({_COMMON}) AS i ON i.id = l.item_id
        WHERE l.seq BETWEEN $1 AND $2 AND p.id BETWEEN $3 AND $4
        ORDER BY l.seq OFFSET 0
    ) AS entry
"""  # noqa: S608  (a constant is put in)
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
        WHERE l.seq BETWEEN $1 AND $2 AND p.id BETWEEN $3 AND $4
"""
_TRANSLATED = """
        SELECT l.seq, l.item_id, l.ordinal, l.conversation, l.round, l.related,
            '"' || %(id)s || '"' AS id, l.name AS original, t.language, t.instruction, t.response, t.status, t.flags
        FROM linked l JOIN pair t ON t.translation_of = l.pair_id
        WHERE l.seq BETWEEN $1 AND $2 AND t.translation_of BETWEEN $3 AND $4
            AND t.language = ANY('%(languages)s'::text[]) AND t.status <> 'rejected'%(current)s
"""
_LINES = f"""
    SELECT '{{"id":' || id || ',"source_id":' || source_id || ',"ordinal":' || ordinal
        || ',"conversation":' || conversation || ',"round":' || round || ',"language":"' || language
        || '","translation_of":' || coalesce(original, 'null') || ',"instruction":', to_json(instruction),
        ',"response":', to_json(response), ',"status":"' || status || '","flags":'
        || CASE cardinality(flags) WHEN 0 THEN '[]' ELSE to_json(flags)::text END
        || ',"image_ids":' || image_ids || ',"related_pair_ids":' || related || '}}'
    FROM (
        SELECT line.*, i.source_id, i.image_ids
        FROM (%(rows)s) AS line JOIN ({_COMMON}) AS i ON i.id = line.item_id
        ORDER BY %(order)s OFFSET 0
    ) AS line
"""  # noqa: S608  (a constant is put in)
_CELLS = """
    SELECT trim(line.id, '"') AS id, %(source_id)s AS source_id, ordinal, conversation, round, language,
        trim(original, '"') AS translation_of, %(instruction)s AS instruction, %(response)s AS response, status,
        to_json(flags)::text AS flags, %(images)s AS image_ids, related AS related_pair_ids
    FROM (%(rows)s) AS line JOIN item i ON i.id = line.item_id
    WHERE i.id BETWEEN $5 AND $6
    ORDER BY %(order)s
"""


def stream_entries(session: AsyncSession, *, has_images: bool = True) -> CopiedRows:
    """`,"NAME":{"instruction", "answer", "image_ids", "rel_ins_ids"}` and a newline for each pair shown."""
    images = _IMAGE_IDS if has_images else _NO_IMAGES
    return CopiedRows(session, _ENTRIES % {"images": images}, parts=_PARTS.format(PART_PAIRS))


def stream_train(session: AsyncSession, rule: str) -> CopiedRows:
    """`,"NAME":["NAME", …]` and a newline for each pair that is trained on; `rule` is a kind's train rule."""
    return CopiedRows(session, _TRAIN[rule])


def stream_lines(
    session: AsyncSession, languages: Sequence[str], *, has_images: bool = True, keeps_stale: bool = False
) -> CopiedRows:
    """One JSON object a line: each English pair shown and its translations, as far as their languages are asked for."""
    rows = _rows_of(languages, has_images, keeps_stale)
    return CopiedRows(session, _LINES % rows, parts=_PARTS.format(PART_PAIRS))


def stream_cells(
    session: AsyncSession, languages: Sequence[str], *, has_images: bool = True, keeps_stale: bool = False
) -> CopiedRows:
    """The same as CSV with a header; lists are JSON, and no cell begins like a formula."""
    guarded = {name: _guard(name) for name in ("instruction", "response")} | {"source_id": _guard("i.source_id")}
    rows = _rows_of(languages, has_images, keeps_stale) | guarded
    return CopiedRows(session, _CELLS % rows, AS_CSV, parts=_PARTS.format(PART_PAIRS))


def _rows_of(languages: Sequence[str], has_images: bool, keeps_stale: bool) -> dict[str, str]:
    if any(spell_tag(language) != language for language in languages):
        raise ValueError(f"{languages!r} are no language codes")
    others = [language for language in languages if language != "en"]
    current = "" if keeps_stale else CURRENT
    listed = "{" + ",".join(others) + "}"
    translated = _TRANSLATED % {"id": public_id("pair", "t.id"), "languages": listed, "current": current}
    parts = ([_ENGLISH] if "en" in languages else []) + ([translated] if others else [])
    return {
        "rows": " UNION ALL ".join(parts),
        "order": "seq, original NULLS FIRST, language" if others else "seq",
        "images": _IMAGE_IDS if has_images else _NO_IMAGES,
    }


def _guard(column: str) -> str:
    """A text as a cell: a quote goes before what a spreadsheet would take for a formula."""
    return f"CASE WHEN left({column}, 1) = ANY({_FORMULA_STARTS}) THEN '''' ELSE '' END || {column}"
