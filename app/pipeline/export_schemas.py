"""What the columns of exported tables are; writers and the certifier read it here."""

from typing import Literal

ColumnKind = Literal["text", "number", "texts"]

PAIR_COLUMNS: dict[str, ColumnKind] = {
    "id": "text",
    "source_id": "text",
    "ordinal": "number",
    "conversation": "number",
    "round": "number",
    "language": "text",
    "translation_of": "text",
    "instruction": "text",
    "response": "text",
    "status": "text",
    "flags": "texts",
    "image_ids": "texts",
    "related_pair_ids": "texts",
}
NUMBER_COLUMNS = tuple(name for name, kind in PAIR_COLUMNS.items() if kind == "number")
LIST_COLUMNS = tuple(name for name, kind in PAIR_COLUMNS.items() if kind == "texts")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MARKS = ("<image>", "<video>", "<audio>")
SQUARE_SIDE = 224
MANIFEST_NAME = "manifest.json"
PART_BYTES = 1_500_000_000
