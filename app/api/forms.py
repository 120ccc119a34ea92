"""Reads multipart forms of any size: files as streams, and short text fields."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import Fault, InvalidRequestError

FIELDS_CAP = 16
FIELD_CAP_BYTES = 4096


class FormReader:
    """One form: `read` yields the bytes of its file, or `read_files` of all; `fields` is whole when that has ended."""

    def __init__(self, content_type: str, most_files: int = 1) -> None:
        """Raises InvalidRequestError (400) where the header names no usable boundary."""
        self.fields: dict[str, str] = {}
        self._file_count = 0
        self._most_files = most_files
        self._file_name = ""
        self._ended = False
        self._chunks: list[tuple[int, str, bytes]] = []
        self._name: str | None = None
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._text = bytearray()
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise _malformed("the Content-Type header names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_header,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed(str(error)) from error

    async def read(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of the part `file`; raises InvalidRequestError for a form that is broken or has no such part."""
        async for _, _, data in self.read_files(stream):
            yield data

    async def read_files(self, stream: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, str, bytes]]:
        """(number from 1, file name, bytes) piece by piece, a file after the other; a new one begins without bytes.

        Raises InvalidRequestError for a form that is broken or has no file.
        """
        async for chunk in stream:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _malformed(str(error)) from error
            for piece in self._chunks:
                yield piece
            self._chunks.clear()
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        if self._file_count == 0:
            fault = Fault("file", "missing", "Send the file as the part `file` (with curl: -F file=@train.json).")
            raise InvalidRequestError("The form has no file.", errors=[fault])

    def _begin_part(self) -> None:
        self._name, self._disposition = None, b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options or name == "file":
            self._file_count += 1
            self._begin_file(name, options.get(b"filename", b"").decode("utf-8", "replace"))
            return
        if len(self.fields) >= FIELDS_CAP or name in self.fields:
            fault = Fault(name, "repeated_field", f"A form has at most {FIELDS_CAP} fields, each of them once.")
            raise InvalidRequestError("The form has too many fields.", errors=[fault])
        self._name = name
        self._text.clear()

    def _begin_file(self, name: str, file_name: str) -> None:
        if self._file_count > self._most_files:
            mend = "One upload makes one dataset; send each file by itself."
            if self._most_files > 1:
                mend = f"A form has at most {self._most_files:,} files; pack them into a zip or tar."
            fault = Fault(name, "second_file" if self._most_files == 1 else "too_many_files", mend)
            raise InvalidRequestError("The form has more files than one upload takes.", errors=[fault])
        self._file_name = file_name
        self._chunks.append((self._file_count, file_name, b""))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is None:
            self._chunks.append((self._file_count, self._file_name, data[start:end]))
            return
        self._text += data[start:end]
        if len(self._text) > FIELD_CAP_BYTES:
            fault = Fault(self._name, "too_long", f"A field has at most {FIELD_CAP_BYTES} bytes.")
            raise InvalidRequestError(f"The field {self._name!r} is too long.", errors=[fault])

    def _end_part(self) -> None:
        if self._name is not None:
            self.fields[self._name] = self._text.decode("utf-8", "replace").strip()

    def _end(self) -> None:
        self._ended = True


def _malformed(why: str) -> InvalidRequestError:
    fault = Fault("", "malformed_form", "Let your HTTP client write the form (with curl: -F file=@train.json).")
    return InvalidRequestError(
        f"The multipart form is broken: {why}.", status=400, code="malformed_form", errors=[fault]
    )
