"""Asking a person about a candidate, at a terminal or from a pipe."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from app.services.cold_starts.deciding import Decision

_QUESTION = "[a]ccept  [e]dit  [r]eject  [s]kip  [q]uit, a note may follow > "
_FALLBACK_EDITOR = "vi"


class Answer(Enum):
    """What becomes of the candidate, and of those after it."""

    DECIDED = "decided"
    SKIPPED = "skipped"
    QUIT = "quit"


def ask_person(told: str, shown: dict[str, Any]) -> tuple[Answer, Decision | None]:
    """Show a candidate, ask until the answer makes sense, and return it. Blocking.

    The end of the input, and Ctrl-C, are quit.
    """
    sys.stdout.write(told)
    while True:
        sys.stdout.write(_QUESTION)
        sys.stdout.flush()
        line = _read_line()
        word, _, note = line.strip().partition(" ")
        note = note.strip()
        if not line or word == "q":
            return Answer.QUIT, None
        if word == "s":
            return Answer.SKIPPED, None
        if word in ("a", "r"):
            return Answer.DECIDED, Decision("accepted" if word == "a" else "rejected", note=note or None)
        if word == "e":
            decision = _edit(shown, note or None)
            if decision is not None:
                return Answer.DECIDED, decision


def _read_line() -> str:
    """A line of the person; nothing at the end of the input, or where they interrupt."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
        return ""
    finally:
        signal.signal(signal.SIGINT, handler)


def _edit(shown: dict[str, Any], note: str | None) -> Decision | None:
    """The reply as the person's editor (VISUAL, EDITOR) leaves it; None where that is no JSON, or nothing changed."""
    field = "conversations" if shown["conversations"] else "pairs"
    before = orjson.dumps(shown[field], option=orjson.OPT_INDENT_2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reply.json"
        path.write_bytes(before)
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or _FALLBACK_EDITOR)
        subprocess.run([*editor, str(path)], check=False)
        after = path.read_bytes()
    try:
        given = orjson.loads(after)
    except orjson.JSONDecodeError as error:
        sys.stdout.write(f"That is no JSON: {error}. Nothing was changed.\n")
        return None
    if given == shown[field]:
        sys.stdout.write("Nothing was changed.\n")
        return None
    if field == "conversations":
        return Decision("edited", conversations=given, note=note)
    return Decision("edited", pairs=given, note=note)
