"""What can go wrong with embedded parts, as one sentence for the person at the terminal."""

from pathlib import Path

_TAIL_BYTES = 4096


class EmbeddedError(Exception):
    """An embedded part cannot run; the message says what, why and what to do."""


def last_lines(log: Path, count: int = 8) -> str:
    """The last lines of a log file, indented to follow an error message; empty when there are none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-count:]
    return "".join(f"\n  {line}" for line in lines)
