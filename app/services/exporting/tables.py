"""Tables of pairs: JSON lines, CSV and parquet, a file per split, all languages in it."""

from collections.abc import Callable
from typing import TypedDict

from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.services.exporting.choosing import choose_pairs, list_places
from app.services.exporting.making import Encoder, FileSpec, Making, Source
from app.services.exporting.parquet import encode_pairs
from app.store import export_lines as lines
from app.store import export_rows as rows


class _Choices(TypedDict):
    has_images: bool
    keeps_stale: bool


async def write_jsonl(making: Making) -> None:
    """`XX_pairs.jsonl`: a pair a line, each English one followed by its translations."""

    def stream() -> Source:
        return lines.stream_lines(making.session, making.options.languages, **_choices(making))

    await _write(making, "jsonl", stream)


async def write_csv(making: Making) -> None:
    """`XX_pairs.csv`: the same rows with a header; lists are JSON, no cell begins like a formula."""

    def stream() -> Source:
        return lines.stream_cells(making.session, making.options.languages, **_choices(making))

    await _write(making, "csv", stream)


async def write_parquet(making: Making) -> None:
    """`XX_pairs.parquet`: the same rows, typed."""

    def stream() -> Source:
        return lines.stream_lines(making.session, making.options.languages, **_choices(making))

    await _write(making, "parquet", stream, encode_pairs)


async def _write(making: Making, suffix: str, stream: Callable[[], Source], encode: Encoder | None = None) -> None:
    await choose_pairs(making)
    for number, split in list_places(making):
        spec = FileSpec(making.name("pairs", suffix, split=split), "pairs", split=split)
        if not await making.has(spec):
            await rows.show_language(making.session, SOURCE_LANGUAGE, number)
        await making.write(spec, stream(), encode)


def _choices(making: Making) -> _Choices:
    return {"has_images": making.options.images != "none", "keeps_stale": making.options.keeps_stale}
