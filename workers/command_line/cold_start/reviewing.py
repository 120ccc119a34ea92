"""Asking a person about a candidate, at a terminal or from a pipe."""

import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from app.services.cold_starts.deciding import Decision

_QUESTION = "[a]ccept  [e]dit  [r]eject  [s]kip  [q]uit, a note may follow > "
_FALLBACK_EDITOR = "vi"
_READ_BYTES = 4096


class Answer(Enum):
    """What becomes of the candidate, and of those after it."""

    DECIDED = "decided"
    SKIPPED = "skipped"
    QUIT = "quit"


class Person:
    """Who answers at `source`, a terminal or a pipe; what was read beyond a line is kept for the next question."""

    def __init__(self, source: int = 0) -> None:
        self._source = source
        self._unread = b""

    def ask(self, told: str, shown: dict[str, Any]) -> tuple[Answer, Decision | None]:
        """Show a candidate, ask until the answer makes sense, and return it. Blocking.

        The end of the input is quit, and so is Ctrl-C, from the first word shown on; in the editor it is the editor's.
        """
        with _catch_interrupts() as interrupts:
            sys.stdout.write(told)
            while True:
                sys.stdout.write(_QUESTION)
                sys.stdout.flush()
                line = self._read_line(interrupts)
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
                    _drain(interrupts)
                    if decision is not None:
                        return Answer.DECIDED, decision

    def _read_line(self, interrupts: int) -> str:
        """With its end of line; empty at the end of the input, or where the person interrupts."""
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._source, interrupts], [], [])
            if interrupts in ready:
                sys.stdout.write("\n")
                return ""
            read = os.read(self._source, _READ_BYTES)
            if not read:
                rest, self._unread = self._unread, b""
                return rest.decode(errors="replace")
            self._unread += read
        line, end, self._unread = self._unread.partition(b"\n")
        return (line + end).decode(errors="replace")


@contextmanager
def _catch_interrupts() -> Iterator[int]:
    """A descriptor that Ctrl-C makes readable, at whatever moment it comes: none is lost between a look and a wait."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, handler)
        os.close(reading)
        os.close(writing)


def _drain(interrupts: int) -> None:
    with suppress(BlockingIOError):
        while os.read(interrupts, _READ_BYTES):
            pass


def _edit(shown: dict[str, Any], note: str | None) -> Decision | None:
    """The reply as the person's editor (VISUAL, EDITOR) leaves it; None where nothing that holds came of it."""
    field = "conversations" if shown["conversations"] else "pairs"
    before = orjson.dumps(shown[field], option=orjson.OPT_INDENT_2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reply.json"
        path.write_bytes(before)
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _FALLBACK_EDITOR
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=False)
            after = path.read_bytes()
        except (OSError, ValueError) as error:
            sys.stdout.write(f"The editor {editor!r} cannot be used: {error}. Set EDITOR; nothing was changed.\n")
            return None
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
