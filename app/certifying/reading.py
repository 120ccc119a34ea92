"""Files as the certifier gets them: a folder that opens streams, and their lines in bounded memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import orjson

from app.certifying.certificate import Certificate

BLOCK_BYTES = 1 << 20
LINE_CAP_BYTES = 1 << 28


class Folder(Protocol):
    """Where an export's files are."""

    def list_names(self) -> set[str]: ...

    def open(self, name: str) -> BinaryIO:
        """A stream that can seek; raises FileNotFoundError."""
        ...


class LocalFolder:
    """The files of a folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def list_names(self) -> set[str]:
        return {path.name for path in self._path.iterdir() if path.is_file()}

    def open(self, name: str) -> BinaryIO:
        return (self._path / name).open("rb")


def iter_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their newlines; what follows the last newline is a line where there is anything.

    Raises ValueError for a line beyond LINE_CAP_BYTES.
    """
    rest: list[bytes] = []
    size = 0
    while block := stream.read(BLOCK_BYTES):
        first, *others = block.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > LINE_CAP_BYTES:
            raise ValueError(f"a line has more than {LINE_CAP_BYTES:,} bytes")
        if others:
            yield b"".join(rest)
            yield from others[:-1]
            rest, size = [others[-1]], len(others[-1])
    if size:
        yield b"".join(rest)


def iter_members(folder: Folder, name: str, opener: str, certificate: Certificate) -> Iterator[tuple[str, bytes]]:
    """(place, JSON) of each member of a file with one member a line, without its comma.

    opener: `{`, `[`, or `{"meta"` where the members are under `data`. Notes what keeps the file from being one
    JSON document: `bad_opening`, `bad_comma`, `not_closed`, `after_the_end`, `line_too_long`.
    """
    closer = {"{": b"}", "[": b"]"}.get(opener, b"}}")
    count, is_closed = 0, False
    with folder.open(name) as stream:
        lines = _guard(iter_lines(stream), name, certificate)
        first = next(lines, b"")
        if not _opens(first, opener):
            certificate.note("bad_opening", name, "line 1", f"the file must begin with {opener} and a line's end")
        for number, line in enumerate(lines, 2):
            place = f"line {number}"
            if is_closed:
                certificate.note("after_the_end", name, place, "something follows the end of the JSON document")
                break
            if line == closer:
                is_closed = True
                continue
            if line.startswith(b",") != (count > 0):
                certificate.note("bad_comma", name, place, "a comma is missing, or there is one too many")
            count += 1
            yield place, line.removeprefix(b",")
    if not is_closed:
        certificate.note("not_closed", name, "the end", f"the file ends without its {closer.decode()}: it is cut off")


def load_member(member: bytes) -> tuple[str, object]:
    """Name and value of a member of an object; raises ValueError."""
    members = orjson.loads(b"{" + member + b"}")
    if len(members) != 1:
        raise ValueError("a line holds one member")
    ((name, value),) = members.items()
    return name, value


def _opens(line: bytes, opener: str) -> bool:
    if opener != '{"meta"':
        return line == opener.encode()
    try:
        document = orjson.loads(line + b"}}")
    except ValueError:
        return False
    meta = document.get("meta")
    has_meta = isinstance(meta, dict) and all(isinstance(meta.get(key), str) for key in ("version", "time", "author"))
    return has_meta and list(document) == ["meta", "data"] and document["data"] == {}


def _guard(lines: Iterator[bytes], name: str, certificate: Certificate) -> Iterator[bytes]:
    try:
        yield from lines
    except ValueError as error:
        certificate.note("line_too_long", name, "", str(error))
