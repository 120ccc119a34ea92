"""The check of a written MIMIC-IT file before it is published: every id resolves, none twice, none to itself."""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from app.errors import Fault

_MOST_FAULTS = 100
_MASK = 2**64 - 1


class IdSet:
    """A set of ids as 64-bit hashes in an open table: 16 to 32 bytes per id, whatever their length."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, name: str) -> bool:
        """Take an id in; False when it was there already."""
        place = self._find(self._slots, key := _hash(name))
        if self._slots[place]:
            return False
        self._slots[place] = key
        self._count += 1
        if self._count * 2 > len(self._slots):
            self._grow()
        return True

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._slots[self._find(self._slots, _hash(name))] != 0

    def __len__(self) -> int:
        return self._count

    @staticmethod
    def _find(slots: "array[int]", key: int) -> int:
        mask = len(slots) - 1
        place = key & mask
        while slots[place] and slots[place] != key:
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        wider = array("Q", bytes(16 * len(self._slots)))
        for key in self._slots:
            if key:
                wider[self._find(wider, key)] = key
        self._slots = wider


class Container(Protocol):
    """Anything that knows whether it holds an id."""

    def __contains__(self, name: object, /) -> bool: ...


@dataclass(slots=True)
class Verification:
    """What a check found: counts, the number of faults, and the first hundred of them with their lines."""

    instructions: int = 0
    relations: int = 0
    images: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    ids: IdSet = field(default_factory=IdSet)

    @property
    def is_sound(self) -> bool:
        return self.fault_count == 0

    def certificate(self) -> dict[str, Any]:
        """The counts and the verdict, for the export's row."""
        return {
            "sound": self.is_sound,
            "instructions": self.instructions,
            "relations": self.relations,
            "image_references": self.images,
            "faults": self.fault_count,
        }

    def report(self, pointer: str, code: str, message: str, line: int) -> None:
        """Count a fault, and keep it while there is room."""
        self.fault_count += 1
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(pointer, code, message, line))


def verify_instructions(
    open_lines: Callable[[], Iterable[bytes]], *, known_images: Container | None = None
) -> Verification:
    """Check a written `XX_instructions.json`, read twice: its ids first, then every link.

    open_lines: opens the file anew, as lines. known_images: the image ids that exist, where images are exported.
    Memory holds a hash per id. Codes: malformed, duplicate_id, empty_text, self_link, repeated_link,
    dangling_relation, unknown_image.
    """
    found = Verification()
    for number, name, _ in _read_records(open_lines(), found, reports=True):
        if not found.ids.add(name):
            found.report(f"/data/{name}", "duplicate_id", f"{name} is there twice.", number)
        found.instructions += 1
    for number, name, record in _read_records(open_lines(), found, reports=False):
        _check_record(found, number, name, record, known_images)
    return found


def verify_train(lines: Iterable[bytes], ids: Container) -> Verification:
    """Check a written `XX_train.json` against the ids of its instructions file (`Verification.ids`)."""
    found = Verification()
    for number, name, related in _read_records(lines, found, reports=True):
        found.instructions += 1
        if not found.ids.add(name):
            found.report(f"/{name}", "duplicate_id", f"{name} is there twice.", number)
        if name not in ids:
            found.report(f"/{name}", "dangling_relation", f"{name} is in no instructions file.", number)
        if not _is_text_list(related):
            found.report(f"/{name}", "malformed", "The related ids are no list of texts.", number)
            continue
        _check_links(found, number, name, related, ids, allows_repeats=True)
    return found


def _check_record(found: Verification, number: int, name: str, record: Any, known_images: Container | None) -> None:
    if not isinstance(record, dict) or not all(_is_text_list(record.get(key)) for key in ("image_ids", "rel_ins_ids")):
        found.report(f"/data/{name}", "malformed", "A record needs image_ids and rel_ins_ids.", number)
        return
    for key in ("instruction", "answer"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            found.report(f"/data/{name}/{key}", "empty_text", f"{name} has no {key}.", number)
    _check_links(found, number, name, record["rel_ins_ids"], found.ids, allows_repeats=False)
    found.images += len(record["image_ids"])
    for image in record["image_ids"]:
        if known_images is not None and image not in known_images:
            found.report(f"/data/{name}/image_ids", "unknown_image", f"{name} names {image}, which is missing.", number)


def _check_links(
    found: Verification, number: int, name: str, related: Collection[str], ids: Container, *, allows_repeats: bool
) -> None:
    found.relations += len(related)
    pointer = f"/data/{name}/rel_ins_ids"
    if not allows_repeats and len(set(related)) != len(related):
        found.report(pointer, "repeated_link", f"{name} names a pair twice.", number)
    for other in related:
        if other == name:
            found.report(pointer, "self_link", f"{name} relates to itself.", number)
        elif other not in ids:
            found.report(pointer, "dangling_relation", f"{name} relates to {other}, which is missing.", number)


def _read_records(lines: Iterable[bytes], found: Verification, *, reports: bool) -> Iterator[tuple[int, str, Any]]:
    """(line number, id, value) of every record; the first line opens the file, the last one closes it."""
    closes, number = False, 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removesuffix(b",")
        closes = line in (b"}", b"}}")
        if closes or not line or (number == 1 and line.endswith(b"{")):
            continue
        try:
            ((name, value),) = orjson.loads(b"{%b}" % line).items()
        except (orjson.JSONDecodeError, ValueError):
            if reports:
                found.report("", "malformed", "The line holds no record.", number)
            continue
        yield number, name, value
    if reports and not closes:
        found.report("", "malformed", "The file does not end as it should.", number)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _hash(name: str) -> int:
    return hash(name) & _MASK or 1
