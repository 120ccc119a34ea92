"""MIMIC-IT: instructions and train files, a set per split and language."""

from datetime import UTC, datetime

import orjson

from app.ids import encode_id
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.services.exporting.choosing import choose_pairs, list_places
from app.services.exporting.making import FileSpec, Making, frame
from app.services.kinds import kind_of
from app.store import export_lines as lines
from app.store import export_rows as rows

AUTHOR = "Syphus"


async def write_mimic_it(making: Making) -> None:
    """`XX_instructions.json` and `XX_train.json` in English, and `….{language}.json` of both for each language.

    English is always written: the other languages have their names from it. A file links only to pairs in it.
    """
    kind = kind_of(making.dataset.kind)
    await choose_pairs(making, kind.instruction_id)
    for number, split in list_places(making):
        for language in (SOURCE_LANGUAGE, *making.options.translations):
            await _write_set(making, language, split, number, kind.train_rule)


async def _write_set(making: Making, language: str, split: str | None, number: int | None, train_rule: str) -> None:
    instructions = FileSpec(making.name("instructions", "json", language, split), "instructions", language, split)
    train = FileSpec(making.name("train", "json", language, split), "train", language, split)
    session = making.session
    if not await making.has(instructions, train):
        await rows.show_language(session, language, number, keeps_stale=making.options.keeps_stale)
    header = b'{"meta":' + _describe_source(making, language, split) + b',"data":{\n'
    has_images = making.options.images != "none"
    entries = lines.stream_entries(session, has_images=has_images)
    await making.write(instructions, entries, frame(header, b"}}\n"))
    await making.write(train, lines.stream_train(session, train_rule), frame(b"{\n", b"}\n"))


def _describe_source(making: Making, language: str, split: str | None) -> bytes:
    """The meta part: the job's own time, so that the same pairs make the same bytes."""
    moment = making.job.finished_at or making.job.created_at or datetime.fromtimestamp(0, UTC)
    meta = {
        "version": str(making.dataset.version),
        "time": moment.astimezone(UTC).isoformat(timespec="seconds"),
        "author": AUTHOR,
        "language": language,
        "dataset": making.dataset.name,
        "job": encode_id("job", making.job.id),
    }
    return orjson.dumps(meta if split is None else {**meta, "split": split})
