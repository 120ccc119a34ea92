"""Who writes each format, and the pictures that go along. Workers alone import this: it brings pyarrow with it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.services.exporting.conversations import write_llava, write_openai, write_sharegpt
from app.services.exporting.making import Making
from app.services.exporting.mimic_it import write_mimic_it
from app.services.exporting.pictures import write_files, write_squares, write_squares_and_json
from app.services.exporting.tables import write_csv, write_jsonl, write_parquet

Write = Callable[[Making], Awaitable[None]]


class Writers(NamedTuple):
    """`pictures` is None where they are inside the text."""

    text: Write
    pictures: Write | None = None


WRITERS = {
    "mimic-it": Writers(write_mimic_it, write_squares_and_json),
    "llava": Writers(write_llava, write_files),
    "sharegpt": Writers(write_sharegpt, write_files),
    "openai": Writers(write_openai),
    "jsonl": Writers(write_jsonl, write_squares),
    "csv": Writers(write_csv, write_squares),
    "parquet": Writers(write_parquet, write_squares),
}
