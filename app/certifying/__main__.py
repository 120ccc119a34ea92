"""`python -m app.certifying FOLDER`: certify an export that was downloaded; exit status 1 where something is wrong."""

import argparse
import sys
from pathlib import Path

import orjson

from app.certifying.certify import certify
from app.certifying.reading import LocalFolder


def main() -> int:
    parser = argparse.ArgumentParser(description="Read the files of an export as their loaders will.")
    parser.add_argument("folder", type=Path, help="where manifest.json and the files it names are")
    certificate = certify(LocalFolder(parser.parse_args().folder))
    print(orjson.dumps(certificate.describe(), option=orjson.OPT_INDENT_2).decode())
    return 0 if certificate.is_valid else 1


if __name__ == "__main__":
    sys.exit(main())
