"""Certificates: an export's files read again and checked, in memory that does not grow with them.

Names are kept as 64-bit hashes in buckets; a bucket that fills goes to a temporary file. Each bucket is then
checked by itself, so a set never holds more than a share of the names.
"""

from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any, Self

import orjson

BUCKETS = 64
BUCKET_ROOM = 4096
PROBLEMS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line of a file says: whose it is (None in train files, which name nobody new), and whom it names."""

    name: str | None
    links: Sequence[str]


LineReader = Callable[[bytes, bool], Entry | None]


@dataclass(slots=True)
class Certificate:
    """What was checked and what was found; `problems` has the first of them in words."""

    entries: dict[str, int] = field(default_factory=dict)
    links: int = 0
    unreadable_lines: int = 0
    repeated_ids: int = 0
    dangling_ids: int = 0
    foreign_ids: int = 0
    self_links: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        found = (self.unreadable_lines, self.repeated_ids, self.dangling_ids, self.foreign_ids, self.self_links)
        return not any(found)

    def note(self, problem: str) -> None:
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)

    def describe(self) -> dict[str, Any]:
        """The certificate as JSON: counts of what was read, and of each kind of fault (all 0 when valid)."""
        return {
            "valid": self.is_valid,
            "entries": self.entries,
            "links": self.links,
            "unreadable_lines": self.unreadable_lines,
            "repeated_ids": self.repeated_ids,
            "dangling_ids": self.dangling_ids,
            "ids_not_in_english": self.foreign_ids,
            "self_links": self.self_links,
            "problems": self.problems,
        }


class NameSets:
    """A context manager: the hashes of many names, by bucket."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._held = [array("q") for _ in range(BUCKETS)]
        self._files: list[IO[bytes] | None] = [None] * BUCKETS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, name: str) -> None:
        number = hash(name)
        held = self._held[number % BUCKETS]
        held.append(number)
        if len(held) >= BUCKET_ROOM:
            self._put_away(number % BUCKETS)

    def read(self, bucket: int) -> "array[int]":
        """All hashes of a bucket, repeated ones included."""
        hashes = array("q")
        file = self._files[bucket]
        if file is not None:
            file.seek(0)
            hashes.frombytes(file.read())
        hashes.extend(self._held[bucket])
        return hashes

    def _put_away(self, bucket: int) -> None:
        file = self._files[bucket]
        if file is None:
            file = self._files[bucket] = self._open.enter_context(TemporaryFile())  # noqa: SIM115  # closed by the stack
        file.write(self._held[bucket].tobytes())
        del self._held[bucket][:]


class FileCheck:
    """One file, checked while its bytes pass: `feed` them in order, then `finish`."""

    def __init__(self, certificate: Certificate, name: str, read_line: LineReader, names: NameSets) -> None:
        """read_line: the entry of a line, None for a line that has none; raises ValueError.

        names: gets the file's own names, or is where they were put by the file that names them.
        """
        self._certificate = certificate
        self._name = name
        self._read_line = read_line
        self._names = names
        self._links = NameSets()
        self._rest = b""
        self._line = 0
        certificate.entries[name] = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._links.__exit__()

    def feed(self, block: bytes) -> None:
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)

    def finish(self) -> None:
        """All bytes were seen: no name may occur twice, and every name that is linked to must be there."""
        if self._rest:
            self._take(self._rest)
        for bucket in range(BUCKETS):
            own = self._names.read(bucket)
            known = set(own)
            if len(own) != len(known):
                self._certificate.repeated_ids += len(own) - len(known)
                self._certificate.note(f"{self._name}: {len(own) - len(known)} ids occur twice.")
            dangling = set(self._links.read(bucket)) - known
            if dangling:
                self._certificate.dangling_ids += len(dangling)
                self._certificate.note(f"{self._name}: {len(dangling)} ids that are linked to are not there.")

    def _take(self, line: bytes) -> None:
        self._line += 1
        certificate = self._certificate
        try:
            entry = self._read_line(line, certificate.entries[self._name] == 0)
        except (ValueError, KeyError, TypeError) as error:
            certificate.unreadable_lines += 1
            certificate.note(f"{self._name}, line {self._line}: {type(error).__name__}: {error}")
            return
        if entry is None:
            return
        certificate.entries[self._name] += 1
        certificate.links += len(entry.links)
        if entry.name is not None:
            self._names.add(entry.name)
            if entry.name in entry.links:
                certificate.self_links += 1
                certificate.note(f"{self._name}, line {self._line}: {entry.name} is linked to itself.")
        for link in entry.links:
            self._links.add(link)


def check_subset(certificate: Certificate, name: str, inner: NameSets, outer: NameSets) -> None:
    """Every name of a language's file must be a name of the English one."""
    for bucket in range(BUCKETS):
        foreign = set(inner.read(bucket)) - set(outer.read(bucket))
        if foreign:
            certificate.foreign_ids += len(foreign)
            certificate.note(f"{name}: {len(foreign)} ids are not in the English file.")


def read_instruction_line(line: bytes, is_first: bool) -> Entry | None:
    """A line of an instructions file: `,"NAME":{…}`."""
    if _is_frame(line):
        return None
    name, value = _load_member(line, is_first)
    if not (value["instruction"] and value["answer"] and isinstance(value["image_ids"], list)):
        raise ValueError(f"{name} lacks an instruction, an answer or its list of images")
    return Entry(name, value["rel_ins_ids"])


def read_train_line(line: bytes, is_first: bool) -> Entry | None:
    """A line of a train file: `,"NAME":["NAME", …]`; its own name must be known too."""
    if _is_frame(line):
        return None
    name, links = _load_member(line, is_first)
    if name in links:
        raise ValueError(f"{name} is linked to itself")
    return Entry(None, [name, *links])


def read_pair_line(line: bytes, is_first: bool) -> Entry | None:
    """A pair as a line, English ones among them; a translation names its English pair."""
    if not line:
        return None
    pair = orjson.loads(line)
    original = pair["translation_of"]
    return Entry(pair["id"], pair["related_pair_ids"] if original is None else [original, *pair["related_pair_ids"]])


def read_translation_line(line: bytes, is_first: bool) -> Entry | None:
    """A pair as a line where English ones were not asked for: what it links to is elsewhere."""
    return Entry(orjson.loads(line)["id"], ()) if line else None


def _is_frame(line: bytes) -> bool:
    """Whether a line opens or closes a file."""
    return not line or line.startswith((b"{", b"}"))


def _load_member(line: bytes, is_first: bool) -> tuple[str, Any]:
    if line.startswith(b",") == is_first:
        raise ValueError("a comma is missing, or there is one too many")
    ((name, value),) = orjson.loads(b"{" + line.removeprefix(b",") + b"}").items()
    return name, value
