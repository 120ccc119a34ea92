"""Conversations for trainers: LLaVA's json, LLaMA-Factory's sharegpt, OpenAI's fine-tuning lines."""

from collections.abc import AsyncGenerator, AsyncIterator

import orjson

from app.services.exporting.choosing import choose_pairs, list_places
from app.services.exporting.inlining import inline_pictures
from app.services.exporting.making import Encoder, FileSpec, Making, Text, frame
from app.services.kinds import kind_of
from app.store import export_rows as rows
from app.store.export_conversations import Style, stream_conversations

_SUFFIXES: dict[Style, str] = {"llava": "json", "sharegpt": "json", "openai": "jsonl"}


async def write_llava(making: Making) -> None:
    """`XX_llava.json`: [{id, image or images, conversations: [{from, value}]}], a file per split and language."""
    await _write(making, "llava")


async def write_sharegpt(making: Making) -> None:
    """`XX_sharegpt.json`: [{messages: [{role, content}], images}], and `dataset_info.json` that describes them."""
    await _write(making, "sharegpt")
    files = [file for file in making.files if file["role"] == "conversations"]
    info = {file["name"].removesuffix(".json"): _describe_columns(file["name"]) for file in files}
    text = Text(orjson.dumps(info, option=orjson.OPT_INDENT_2) + b"\n", len(files))
    await making.write(FileSpec("dataset_info.json", "dataset_info"), text)


async def write_openai(making: Making) -> None:
    """`XX_openai.jsonl`: {messages} a line; pictures as data URLs, or their ids where a URL goes."""
    await _write(making, "openai")


async def _write(making: Making, style: Style) -> None:
    await choose_pairs(making)
    for number, split in list_places(making):
        for language in making.options.languages:
            spec = FileSpec(making.name(style, _SUFFIXES[style], language, split), "conversations", language, split)
            if not await making.has(spec):
                await rows.show_language(making.session, language, number, keeps_stale=making.options.keeps_stale)
            await _write_file(making, spec, style)
    making.counts["conversations"] = sum(file["rows"] for file in making.files)


async def _write_file(making: Making, spec: FileSpec, style: Style) -> None:
    options = making.options
    talks = stream_conversations(
        making.session,
        style,
        is_joined=kind_of(making.dataset.kind).train_rule == "last_round",
        has_images=options.images != "none",
        as_files=options.has_pictures,
    )
    await making.write(spec, talks, _choose_encoder(making, style))


def _choose_encoder(making: Making, style: Style) -> Encoder | None:
    if style != "openai":
        return frame(b"[\n", b"]\n")
    if not making.options.has_pictures:
        return None

    def encode(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        return inline_pictures(making, chunks)

    return encode


def _describe_columns(file_name: str) -> dict[str, object]:
    """What LLaMA-Factory needs to know of a file."""
    return {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
