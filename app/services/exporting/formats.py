"""The formats of exports: what each holds, what can be chosen, and who writes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.pipeline.splitting import SPLITS
from app.services.exporting.conversations import write_llava, write_openai, write_sharegpt
from app.services.exporting.making import Making
from app.services.exporting.mimic_it import write_mimic_it
from app.services.exporting.options import IMAGE_CHOICES, MISSING_CHOICES
from app.services.exporting.pictures import write_files, write_squares, write_squares_and_json
from app.services.exporting.tables import write_csv, write_jsonl, write_parquet

Writer = Callable[[Making], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format; `files` says what is in which file (`XX` is the kind's abbreviation), `pictures` how they go along."""

    name: str
    description: str
    files: dict[str, str]
    pictures: str
    write: Writer
    write_pictures: Writer | None = None

    def describe(self) -> dict[str, Any]:
        """The format as a client sees it."""
        return {
            "object": "format",
            "name": self.name,
            "description": self.description,
            "files": self.files | {"manifest.json": "counts, versions, prompts, models, sha256 of every file"},
            "options": {
                "languages": "codes of the job's languages and `en`; all by default",
                "images": {"choices": list(IMAGE_CHOICES), "default": "ids", "base64": self.pictures},
                "on_missing_images": {"choices": list(MISSING_CHOICES), "default": "fail"},
                "split": f"shares of {', '.join(SPLITS)} that add up to 1, and a seed",
                "filters": ["status", "language", "min_words", "item_ids"],
            },
        }


_SQUARES = "XX.parquet: index `id`, one column `base64`, PNG of 224×224 RGB; XX_001.parquet, … of at most 1.5 GB each"
_ENTRIES = (
    Format(
        "mimic-it",
        "MIMIC-IT, as Otter reads it: one set per language, the same ids in all of them",
        {
            "XX_instructions.json": '{"meta", "data": {id: {"instruction", "answer", "image_ids", "rel_ins_ids"}}}',
            "XX_train.json": "{id: [related ids]}, by the kind's train rule",
        },
        f"XX.json: {{image id: base64}}; and {_SQUARES}, since the loader opens single files",
        write_mimic_it,
        write_squares_and_json,
    ),
    Format(
        "llava",
        "LLaVA: conversations with a mark <image> for each image; rounds of one conversation are one",
        {"XX_llava.json": '[{"id", "image" or "images", "conversations": [{"from": "human" | "gpt", "value"}]}]'},
        "XX_images.tar: the stored files, under the names in the conversations",
        write_llava,
        write_files,
    ),
    Format(
        "sharegpt",
        "LLaMA-Factory's sharegpt with images",
        {
            "XX_sharegpt.json": '[{"messages": [{"role", "content"}], "images": […]}]',
            "dataset_info.json": "the entry of each file for LLaMA-Factory",
        },
        "XX_images.tar: the stored files, under the names in `images`",
        write_sharegpt,
        write_files,
    ),
    Format(
        "openai",
        "OpenAI's fine-tuning lines: messages, the images before the text of the first",
        {"XX_openai.jsonl": '{"messages": [{"role": "user" | "assistant", "content"}]}'},
        "data URLs of JPEG, no side above 768 pixels; with `ids` the id stands where the URL goes",
        write_openai,
    ),
    Format(
        "jsonl",
        "one pair a line, as GET /pairs shows it, each English one followed by its translations",
        {"XX_pairs.jsonl": "a JSON object a line"},
        _SQUARES,
        write_jsonl,
        write_squares,
    ),
    Format(
        "csv",
        "the same rows with a header; lists are JSON, a quote goes before cells that begin with = + - @ TAB CR",
        {"XX_pairs.csv": "RFC 4180, UTF-8, lines end with LF"},
        _SQUARES,
        write_csv,
        write_squares,
    ),
    Format(
        "parquet",
        "the same rows, typed",
        {"XX_pairs.parquet": "row groups of 10,000 rows, zstd"},
        _SQUARES,
        write_parquet,
        write_squares,
    ),
)
FORMATS = {entry.name: entry for entry in _ENTRIES}
