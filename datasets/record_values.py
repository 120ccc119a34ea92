"""What reading a file of annotations brings: records, refused records, query inputs, and files of no use at all."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordError:
    """A record that was refused. It is data: the records around it stay.

    line: 1-based line where the record starts, None where a class read the file itself
    pointer: JSON pointer to the fault; within the file for `json`, within the line for `jsonl`
    code: what programs read, e.g. `invalid_json`, `missing_field`, `empty_sentences`
    message: what is wrong and how to mend it
    source_id: the id of the record as the file gives it, where it could be read
    """

    line: int | None
    pointer: str
    code: str
    message: str
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One annotation as the file holds it.

    line: 1-based line where it starts, None where a class read the file itself
    key: its name in a top-level `{id: record}` object
    pointer: its place in a `json` file, empty for `jsonl`
    """

    line: int | None
    key: str | None
    value: object
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class QueryInput:
    """One annotation as the model sees it; `line` is where its record starts, None where unknown."""

    id: str
    sentences: str
    image_ids: tuple[str, ...] = ()
    line: int | None = None


class InvalidRecordError(Exception):
    """Raised by `read_record` for a record it cannot use; carries the RecordError that is reported."""

    def __init__(self, error: RecordError) -> None:
        super().__init__(f"{error.code} at {error.pointer or 'the record'}: {error.message}")
        self.error = error


class FileFormatError(Exception):
    """A file of which nothing can be used: no JSON, empty, compressed, or in another encoding."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line
        self.message = message


def join_pointer(base: str, parts: Iterable[str | int]) -> str:
    """Append reference tokens to a JSON pointer, escaped as RFC 6901 asks; overlong ones are cut short."""
    return base + "".join("/" + clip(str(part)).replace("~", "~0").replace("/", "~1") for part in parts)


def clip(text: str, length: int = 200) -> str:
    """The text, cut to `length` characters where it is longer: what goes into reports stays small."""
    return text if len(text) <= length else text[: length - 1] + "…"
