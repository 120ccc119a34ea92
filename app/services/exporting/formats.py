"""The formats of exports: what each holds and what can be chosen; `writers` has who writes it."""

from dataclasses import dataclass
from typing import Any

from app.pipeline.splitting import SPLITS
from app.services.exporting.options import IMAGE_CHOICES, MISSING_CHOICES, STALE_CHOICES


@dataclass(frozen=True, slots=True)
class Format:
    """A format; `files` says what is in which file (`XX` is the kind's abbreviation), `pictures` how they go along."""

    name: str
    description: str
    files: dict[str, str]
    pictures: str

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
                "stale_translations": {"choices": list(STALE_CHOICES), "default": "leave_out"},
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
    ),
    Format(
        "llava",
        "LLaVA: conversations with a mark <image> for each image; rounds of one conversation are one",
        {"XX_llava.json": '[{"id", "image" or "images", "conversations": [{"from": "human" | "gpt", "value"}]}]'},
        "XX_images.tar: the stored files, under the names in the conversations",
    ),
    Format(
        "sharegpt",
        "LLaMA-Factory's sharegpt with images",
        {
            "XX_sharegpt.json": '[{"messages": [{"role", "content"}], "images": […]}]',
            "dataset_info.json": "the entry of each file for LLaMA-Factory",
        },
        "XX_images.tar: the stored files, under the names in `images`",
    ),
    Format(
        "openai",
        "OpenAI's fine-tuning lines: messages, the images before the text of the first",
        {"XX_openai.jsonl": '{"messages": [{"role": "user" | "assistant", "content"}]}'},
        "data URLs of JPEG, no side above 768 pixels; with `ids` the id stands where the URL goes",
    ),
    Format(
        "jsonl",
        "one pair a line, as GET /pairs shows it, each English one followed by its translations",
        {"XX_pairs.jsonl": "a JSON object a line"},
        _SQUARES,
    ),
    Format(
        "csv",
        "the same rows with a header; lists are JSON, a quote goes before cells that begin with = + - @ TAB CR",
        {"XX_pairs.csv": "RFC 4180, UTF-8, lines end with LF"},
        _SQUARES,
    ),
    Format(
        "parquet",
        "the same rows, typed",
        {"XX_pairs.parquet": "row groups of 10,000 rows, zstd"},
        _SQUARES,
    ),
)
FORMATS = {entry.name: entry for entry in _ENTRIES}
