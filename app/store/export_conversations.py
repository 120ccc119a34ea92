"""Conversations of an export, a line each, in the JSON of the trainers that read them; made out of `shown`."""

from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.copying import CopiedRows
from app.store.export_images import SUFFIX_OF_PICTURE

Style = Literal["llava", "sharegpt", "openai"]

MARKS = ("image", "video", "audio")

_TURNS = {
    "llava": """'{"from":"human","value":' || %(asked)s || '},{"from":"gpt","value":' || %(said)s || '}'""",
    "sharegpt": """'{"role":"user","content":' || %(asked)s || '},{"role":"assistant","content":' || %(said)s || '}'""",
}
_TURNS["openai"] = _TURNS["sharegpt"]
_WHOLE = {
    "llava": """',{"id":' || name || pictures || ',"conversations":[' || turns || ']}'""",
    "sharegpt": """',{"messages":[' || turns || '],"images":' || pictures || '}'""",
    "openai": """'{"messages":[' || turns || ']}'""",
}
_SINGLE = """
    SELECT %(whole)s FROM (
        SELECT s.seq, s.name, %(pictures)s AS pictures, %(turns)s AS turns
        FROM (SELECT *, TRUE AS is_first FROM shown) AS s
        JOIN pair p ON p.id = s.pair_id JOIN item i ON i.id = s.item_id
    ) AS talk ORDER BY seq
"""
_JOINED = """
    SELECT %(whole)s FROM (
        SELECT min(s.seq) AS seq, min(s.name) FILTER (WHERE is_first) AS name,
            min(%(pictures)s) FILTER (WHERE is_first) AS pictures, string_agg(%(turns)s, ',' ORDER BY s.seq) AS turns
        FROM (
            SELECT *, seq = min(seq) OVER (PARTITION BY item_id, conversation) AS is_first FROM shown
        ) AS s
        JOIN pair p ON p.id = s.pair_id JOIN item i ON i.id = s.item_id
        GROUP BY s.item_id, s.conversation
    ) AS talk ORDER BY seq
"""
_SUFFIX = f""" || coalesce((
    SELECT {SUFFIX_OF_PICTURE} FROM image m WHERE m.dataset_id = i.dataset_id AND m.image_id = w.id), '.png')"""  # noqa: S608
_PART = """
    (SELECT string_agg('{"type":"image_url","image_url":{"url":' || to_json(w.id)::text || '}},', '' ORDER BY w.n)
        FROM unnest(i.image_ids) WITH ORDINALITY AS w (id, n))
"""


def stream_conversations(
    session: AsyncSession, style: Style, *, is_joined: bool, has_images: bool = True, as_files: bool = False
) -> CopiedRows:
    """A conversation a line; lines of `llava` and `sharegpt` begin with a comma.

    is_joined: rounds of one item and conversation are one conversation; else each pair is one by itself
    as_files: name the file of each picture (see `export_images`), not its id alone
    """
    asked = _ask_with_parts(has_images) if style == "openai" else _ask_with_marks(has_images)
    said = "p.response" if style == "openai" else _clean("p.response")
    values = {
        "whole": _WHOLE[style],
        "pictures": _list_pictures(style, as_files) if has_images else _list_none(style),
        "turns": _TURNS[style] % {"asked": asked, "said": f"to_json({said})::text"},
    }
    return CopiedRows(session, (_JOINED if is_joined else _SINGLE) % values)


def _list_pictures(style: Style, as_files: bool) -> str:
    names = "array(SELECT w.id{} FROM unnest(i.image_ids) WITH ORDINALITY AS w (id, n) ORDER BY w.n)"
    names = f"to_json({names.format(_SUFFIX if as_files else '')})"
    if style != "llava":
        return f"{names}::text"
    return f"""CASE cardinality(i.image_ids) WHEN 0 THEN ''
        WHEN 1 THEN ',"image":' || ({names} -> 0)::text ELSE ',"images":' || {names}::text END"""


def _list_none(style: Style) -> str:
    return "''" if style == "llava" else "'[]'"


def _ask_with_marks(has_images: bool) -> str:
    """The instruction; in the first turn a mark for each image goes before it."""
    marks = "CASE WHEN is_first THEN repeat(E'<image>\\n', cardinality(i.image_ids)) ELSE '' END || "
    return f"to_json({marks if has_images else ''}{_clean('p.instruction')})::text"


def _ask_with_parts(has_images: bool) -> str:
    """The instruction; in the first turn as a list of parts, the images first."""
    plain = "to_json(p.instruction)::text"
    if not has_images:
        return plain
    parts = f"""'[' || {_PART} || '{{"type":"text","text":' || {plain} || '}}]'"""
    return f"CASE WHEN is_first AND cardinality(i.image_ids) > 0 THEN {parts} ELSE {plain} END"


def _clean(column: str) -> str:
    """A text without marks of its own: a trainer would take each for one more picture."""
    for mark in MARKS:
        column = f"replace({column}, '<{mark}>', '[{mark}]')"
    return column
