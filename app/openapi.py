"""The OpenAPI document as a file: `python -m app.openapi [--check]` writes docs/openapi.json or compares with it."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from app.main import create_app
from app.settings import Settings

SNAPSHOT = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def render_document() -> bytes:
    """The document, in an order and with an end of line that diffs well."""
    document = create_app(Settings.model_construct()).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status is 1 where the file is not what the code says."""
    parser = argparse.ArgumentParser(prog="python -m app.openapi", description="Write docs/openapi.json.")
    parser.add_argument("--check", action="store_true", help="compare only; exit status 1 when they differ")
    rendered = render_document()
    if not parser.parse_args(arguments).check:
        SNAPSHOT.write_bytes(rendered)
        return 0
    kept = SNAPSHOT.read_bytes() if SNAPSHOT.exists() else b""
    if kept == rendered:
        return 0
    before, after = (text.decode().splitlines() for text in (kept, rendered))
    difference = list(difflib.unified_diff(before, after, "docs/openapi.json", "the code", lineterm="", n=1))
    sys.stderr.write("\n".join([*difference[:80], "Run `python -m app.openapi` and commit the file.", ""]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
