"""What the checks of all formats share: the folder, its manifest, the certificate, and how faults are located."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.certifying.certificate import Certificate
from app.certifying.names import Hashes
from app.certifying.reading import Folder

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the manifest has it."""

    name: str
    role: str
    language: str | None
    split: str | None
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the certifier needs of a manifest; `files` has those that are there."""

    format: str
    images: str
    languages: tuple[str, ...]
    splits: tuple[str | None, ...]
    counts: dict[str, Any]
    files: tuple[ListedFile, ...]

    def find(self, role: str, language: str | None = None, split: str | None = None) -> ListedFile | None:
        """The file with this role, language and split."""
        wanted = (role, language, split)
        return next((file for file in self.files if (file.role, file.language, file.split) == wanted), None)

    def list_role(self, role: str, split: str | None = None) -> list[ListedFile]:
        """All files with this role (and split, where one is given)."""
        return [file for file in self.files if file.role == role and split in (None, file.split)]


@dataclass(frozen=True, slots=True)
class Review:
    """A certification under way."""

    folder: Folder
    manifest: Manifest
    certificate: Certificate

    def note(self, code: str, file: str, place: str, message: str) -> None:
        self.certificate.note(code, file, place, message)

    def count(self, file: str, rows: int) -> None:
        """Say how many rows a file turned out to have."""
        self.certificate.entries[file] = rows

    def locate(self, hashes: Hashes, named: Callable[[], Iterable[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
        """(place, name) of every name with one of these hashes; the file is read again only where there are any."""
        if hashes:
            for place, name in named():
                if hash(name) in hashes:
                    yield place, name


def is_blank(value: object) -> bool:
    """Whether a text is missing, empty or white space only."""
    return not isinstance(value, str) or not value.strip()


def are_texts(value: object) -> bool:
    """Whether a value is a list of texts that are not blank."""
    return isinstance(value, list) and not any(is_blank(text) for text in value)


def texts_of(value: object) -> list[str]:
    """The texts of a list; none where it is no list."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def keep_first(located: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each name once, where it first occurs."""
    seen: set[str] = set()
    for place, name in located:
        if name not in seen:
            seen.add(name)
            yield place, name


def skip_first(located: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each name wherever it occurs again."""
    seen: set[str] = set()
    for place, name in located:
        if name in seen:
            yield place, name
        seen.add(name)
