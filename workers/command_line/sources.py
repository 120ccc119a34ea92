"""What a run is made of, before any server is asked: the kind, its prompt and its file of annotations."""

import hashlib
import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.services.image_sources import MediaFile
from app.services.upload_requests import SourceFile
from app.services.uploads import BLOCK_BYTES, Caps, Spool, incoming_folder
from app.settings import Settings
from datasets.prompts import PromptError, PromptText
from datasets.registry import KindInfo, KindNotFoundError, find_kind
from workers.command_line.arguments import Options

_GZIP_MAGIC = b"\x1f\x8b"


class StartError(Exception):
    """The run cannot start; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The kind, and where the annotations are."""

    kind: KindInfo
    query_inputs_path: Path


@dataclass(frozen=True, slots=True)
class Chosen(Annotations):
    """The same with the kind's prompt as the class's own loader gives it."""

    prompt: PromptText
    prompt_path: str | None


def choose(options: Options, folders: Sequence[str] = ()) -> Chosen:
    """Find what the options name; kinds also in the operator's `folders` and in those of the options.

    Raises StartError: unknown kind (with names like it), missing file, bad prompt.
    """
    if options.images is not None and not options.images.exists():
        raise StartError(f"There is nothing at {str(options.images)!r} (--images).")
    found = find_annotations(options.name, options.query_inputs_path, options.dataset_folders, folders)
    kind = found.kind
    prompt_path = None if options.prompt_path is None else _find_file(kind, options.prompt_path, "--prompt_path")
    try:
        prompt = kind.load_prompt(prompt_path)
    except PromptError as error:
        raise StartError(f"The prompt cannot be used: {error} (--prompt_path)") from error
    shown = prompt_path or kind.default_prompt_path
    return Chosen(kind, found.query_inputs_path, prompt, None if shown is None else str(shown))


def find_annotations(
    name: str | None, query_inputs_path: str | None, own_folders: Sequence[Path], folders: Sequence[str] = ()
) -> Annotations:
    """The kind of this name and its file; kinds also in the operator's `folders` and in `own_folders`.

    Raises StartError.
    """
    for folder in own_folders:
        if not folder.is_dir():
            raise StartError(f"There is no folder {str(folder)!r} (--dataset_folder).")
    try:
        kind = find_kind(name, [*folders, *own_folders])
    except KindNotFoundError as error:
        raise StartError(f"{error} (--name)") from error
    return Annotations(kind, _find_query_inputs(kind, query_inputs_path))


def name_dataset(kind: KindInfo, version: str, source: SourceFile) -> str:
    """The dataset's name, the same for the same annotations read by the same class, and for no others."""
    identity = hashlib.sha256(orjson.dumps([kind.name, _hash_class(kind), source.sha256])).hexdigest()
    return f"{kind.name[:50]}-{version}-{identity[:12]}"


@contextmanager
def open_source(chosen: Annotations, settings: Settings) -> Iterator[SourceFile]:
    """The annotations as a plain file; a gzip is unpacked into one for kinds that read records. Blocking.

    Raises StartError, and the errors of `Spool` for a gzip that is broken or a bomb.
    """
    path = chosen.query_inputs_path
    try:
        if not chosen.kind.streams or not _is_gzip(path):
            yield SourceFile(path, *_measure(path))
            return
        with Spool(incoming_folder(settings), Caps.of(settings)) as spool:
            with path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    spool.feed(block)
            spool.finish()
            yield SourceFile(spool.path, spool.bytes, spool.sha256)
    except OSError as error:
        raise StartError(f"{str(error.filename or path)!r} cannot be read: {error.strerror}.") from error


def list_media(place: Path) -> Iterator[MediaFile]:
    """A file, or every file below a folder in the order of their names; the names begin below the folder."""
    if not place.is_dir():
        yield MediaFile(place, place.name)
        return
    for folder, inner_folders, names in os.walk(place):
        inner_folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield MediaFile(path, path.relative_to(place).as_posix())


def _find_query_inputs(kind: KindInfo, given: str | None) -> Path:
    named = given or kind.default_query_inputs_path
    if not named:
        raise StartError(f"Which annotations? {kind.name} names no file of its own; give --query_inputs_path.")
    path = _find_file(kind, named, "--query_inputs_path")
    if kind.streams and path.is_dir():
        raise StartError(f"{named!r} is a folder; {kind.name} reads a file (--query_inputs_path).")
    return path


def _find_file(kind: KindInfo, named: str, option: str) -> Path:
    """A path as it was given, else beside the class or above it, as dataset files name theirs."""
    path = Path(named).expanduser()
    found = next((place for base in (Path(), kind.folder, kind.folder.parent) if (place := base / path).exists()), None)
    if found is None:
        raise StartError(f"There is no file {named!r} ({option}).")
    return found


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def _measure(path: Path) -> tuple[int, str]:
    """Bytes and sha256 of a file, or of all files below a folder with their names."""
    if path.is_file():
        with path.open("rb") as file:
            return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    size, digest = 0, hashlib.sha256()
    for inner in sorted(inner for inner in path.rglob("*") if inner.is_file()):
        inner_size, inner_sha256 = _measure(inner)
        size += inner_size
        digest.update(f"{inner.relative_to(path)}\0{inner_sha256}\0".encode())
    return size, digest.hexdigest()


def _hash_class(kind: KindInfo) -> str:
    """The class's source: another one may read the same file differently."""
    path = inspect.getsourcefile(kind.cls)
    return "" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
