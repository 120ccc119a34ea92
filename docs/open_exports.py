# /// script
# requires-python = ">=3.11"
# dependencies = ["datasets>=3", "pandas>=2", "pillow>=10"]
# ///
"""Opens a downloaded export with Hugging Face's `datasets` and with pandas, as those who train on it will.

It needs an environment of its own, since `datasets` is also the name of a package of this project:

    uv venv /tmp/readers && uv pip install --python /tmp/readers/bin/python datasets pandas pillow
    /tmp/readers/bin/python docs/open_exports.py FOLDER…

Each folder holds `manifest.json` and the files it names. Exit status 1 where a file does not open, or has not the rows
that the manifest says.
"""

import argparse
import base64
import io
import json
import sys
import tempfile
from pathlib import Path

import pandas
from PIL import Image

from datasets import load_dataset


def count_rows(path: Path, cache: str) -> int:
    """Rows of a table or list as `datasets` reads it."""
    builder = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}[path.suffix]
    return load_dataset(builder, data_files=str(path), split="train", cache_dir=cache).num_rows


def count_entries(path: Path, role: str) -> int:
    """Entries of the files that MIMIC-IT's loader opens with `json.load`."""
    content = json.loads(path.read_text())
    return len(content["data"] if role == "instructions" else content)


def count_pictures(path: Path) -> int:
    """Pictures of a parquet, each looked up and decoded as Otter's loader does."""
    images = pandas.read_parquet(path)
    for image_id in images.index:
        data = base64.urlsafe_b64decode(images.loc[image_id]["base64"])
        if Image.open(io.BytesIO(data)).convert("RGB").size != (224, 224):
            raise ValueError(f"{image_id} is not 224 by 224")
    return len(images)


def check_mimic_it(folder: Path, files: list[dict[str, str]]) -> None:
    """Every id of a pair and of a train file resolves, as the loader would find out half-way through training."""
    pictures = [name for name in (file["name"] for file in files) if name.endswith(".parquet")]
    known = {image_id for name in pictures for image_id in pandas.read_parquet(folder / name).index}
    for file in files:
        if file["role"] != "instructions":
            continue
        data = json.loads((folder / file["name"]).read_text())["data"]
        train = json.loads((folder / file["name"].replace("_instructions", "_train")).read_text())
        for name, related in train.items():
            for wanted in (name, *related):
                entry = data[wanted]
                if pictures and not set(entry["image_ids"]) <= known:
                    raise ValueError(f"{wanted} shows pictures that are not there")


def open_file(folder: Path, file: dict[str, str], cache: str) -> int | None:
    """Rows of a file as its readers see it; None for files that no such reader opens."""
    path, role = folder / file["name"], file["role"]
    if role in {"instructions", "train", "images_json"}:
        return count_entries(path, role)
    if role == "images" and path.suffix == ".parquet":
        return count_pictures(path)
    return count_rows(path, cache) if role in {"pairs", "conversations"} else None


def main() -> int:
    parser = argparse.ArgumentParser(description="Open exports with Hugging Face's datasets and with pandas.")
    parser.add_argument("folders", type=Path, nargs="+")
    faults = 0
    for folder in parser.parse_args().folders:
        manifest = json.loads((folder / "manifest.json").read_text())
        with tempfile.TemporaryDirectory() as cache:
            for file in manifest["files"]:
                found = open_file(folder, file, cache)
                faults += found not in (None, file["rows"])
                print(f"{folder.name}/{file['name']}: {'not opened' if found is None else found} of {file['rows']}")
        if manifest["format"] == "mimic-it":
            check_mimic_it(folder, manifest["files"])
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
