"""The manifest: what an export holds, what it was made of and by what; the same for the same pairs."""

from importlib.metadata import version
from typing import Any

import orjson

from app.ids import encode_id
from app.pipeline.export_schemas import MANIFEST_NAME
from app.pipeline.lifecycle import FINAL_STATES
from app.services.exporting.making import FileSpec, Making, Text
from app.store.tallies import read_tallies
from app.version import VERSION

SHOWN = ("name", "role", "language", "split", "rows", "bytes", "sha256")


async def write_manifest(making: Making) -> None:
    """`manifest.json`, the last file; it names every other one with its size and sha256."""
    content = orjson.dumps(await _describe(making), option=orjson.OPT_INDENT_2) + b"\n"
    await making.write(FileSpec(MANIFEST_NAME, "manifest"), Text(content))


async def _describe(making: Making) -> dict[str, Any]:
    export, dataset, prompt = making.export, making.dataset, making.prompt
    return {
        "object": "manifest",
        "format": export.format,
        "made_with": {"syphus": VERSION} | {name: version(name) for name in ("pillow", "pyarrow")},
        "dataset": {
            "id": encode_id("dataset", dataset.id),
            "name": dataset.name,
            "version": dataset.version,
            "kind": dataset.kind,
            "abbr": dataset.abbr,
            "items": dataset.items,
            "sha256": dataset.sha256,
        },
        "job": _describe_job(making),
        "models": [making.job.model],
        "prompts": [
            {
                "id": encode_id("prompt", prompt.id),
                "name": prompt.name,
                "version": prompt.version,
                "sha256": prompt.sha256,
            }
        ],
        "selection": {
            "languages": list(making.options.languages),
            "filters": show_filters(export.filters),
            **export.options,
        },
        "counts": making.counts,
        "provenance": await _describe_provenance(making),
        "licence_notes": _list_licences(making),
        "files": [{key: file[key] for key in SHOWN} for file in making.files],
    }


def show_filters(filters: dict[str, Any]) -> dict[str, Any]:
    """The filters as they were ordered: items by their public ids."""
    shown = {key: value for key, value in filters.items() if key != "item_numbers"}
    if "item_numbers" in filters:
        shown["item_ids"] = [encode_id("item", number) for number in filters["item_numbers"]]
    return shown


def _describe_job(making: Making) -> dict[str, Any]:
    job = making.job
    return {
        "id": encode_id("job", job.id),
        "state": job.state,
        "is_partial": job.state not in FINAL_STATES,
        "model": job.model,
        "parameters": job.parameters,
        "languages": job.languages,
        "stages": job.stages,
        "slice": job.slice,
        "seed": job.seed,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


async def _describe_provenance(making: Making) -> dict[str, Any]:
    tallies = (await read_tallies(making.session, [making.job.id]))[making.job.id]
    return {
        "annotations": f"the uploaded file of dataset {making.dataset.name!r}, by the sha256 given above",
        "instructions_and_responses": f"written by the model {making.job.model!r} from the annotations",
        "translations": f"written by the model {making.job.model!r} from the English pairs",
        "calls": tallies["usage.calls"],
        "prompt_tokens": tallies["usage.prompt_tokens"],
        "completion_tokens": tallies["usage.completion_tokens"],
        "cost_usd": tallies["cost_micros"] / 1e6,
    }


def _list_licences(making: Making) -> list[str]:
    notes = [
        f"The pairs derive from the annotations of dataset {making.dataset.name!r}: the terms of their owner apply.",
        f"The pairs were written by the model {making.job.model!r}: the terms of its provider apply.",
    ]
    if making.options.images != "none":
        notes.append("Pictures, and the right to pass them on, belong to their owners; ids alone carry no picture.")
    return notes
