"""A process that owns an embedded instance until it is killed: `python -m tests.embedded.owner HOME [part …]`."""

import sys
from pathlib import Path

from app.embedded import EmbeddedError, start_embedded


def main() -> int:
    """Start, say so in one line, and wait for standard input to end."""
    parts = sys.argv[2:] or ["database", "redis"]
    try:
        embedded = start_embedded(
            Path(sys.argv[1]), database="database" in parts, redis="redis" in parts, model="model" in parts
        )
    except EmbeddedError as error:
        sys.stdout.write(f"refused: {error}\n")
        return 1
    with embedded:
        sys.stdout.write("running\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
