"""What an upload of annotations asks for, and where the annotations lie."""

from dataclasses import dataclass
from pathlib import Path

from app.clock import new_id, utc_now
from app.errors import Fault, InvalidRequestError
from app.ids import encode_id
from app.services.kinds import kind_of
from app.services.prompts import NAME_PATTERN
from datasets.records import FileFormat, parse_format
from datasets.registry import KindInfo


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """What an upload is to become; `name` None asks for one made of the kind and the time."""

    name: str | None = None
    kind: str | None = None
    format: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class NewDataset:
    """A request that holds: `kind_name` is None for plain items without a kind."""

    id: int
    name: str
    kind: KindInfo
    kind_name: str | None
    file_format: FileFormat | None
    strict: bool


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of annotations on this machine, with its size in bytes and its sha256."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class InlineItems:
    """Items that came inside a JSON body, with the body's size and sha256."""

    items: list[object]
    bytes: int
    sha256: str


Source = SourceFile | InlineItems


def check_request(request: DatasetRequest) -> NewDataset:
    """Everything about a request that can be told before its body is read.

    Raises InvalidRequestError with every fault: unknown kind, unknown format, a name out of pattern.
    """
    kind_name = request.kind or None
    faults = [*_check_name(request.name), *_check_format(request.format)]
    if faults:
        raise InvalidRequestError("The upload's parameters are not valid.", errors=faults)
    kind = kind_of(kind_name)
    dataset_id = new_id()
    name = request.name or _invent_name(kind, dataset_id)
    file_format = parse_format(request.format) if request.format and request.format != "auto" else None
    return NewDataset(dataset_id, name, kind, kind.name if kind_name else None, file_format, request.strict)


def _check_name(name: str | None) -> list[Fault]:
    if name is None or NAME_PATTERN.fullmatch(name):
        return []
    message = "A name is 1 to 100 letters, digits, dots, underscores and hyphens, and begins with a letter or digit."
    return [Fault("name", "invalid_name", message)]


def _check_format(name: str | None) -> list[Fault]:
    if name in (None, "", "auto", "json", "jsonl"):
        return []
    return [Fault("format", "unknown_format", f"The format {name!r} is unknown; send json, jsonl, or leave it out.")]


def _invent_name(kind: KindInfo, dataset_id: int) -> str:
    return f"{kind.abbr.lower()}-{utc_now():%Y%m%d-%H%M%S}-{encode_id('dataset', dataset_id)[-4:]}"
