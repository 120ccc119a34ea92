"""Reads the fields of a record; what is missing or of a wrong type is refused with its JSON pointer."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from datasets.record_values import InvalidRecordError, Record, RecordError, clip, join_pointer

_T = TypeVar("_T")

_TYPES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A value inside a record and its place."""

    record: Record
    value: object
    path: tuple[str | int, ...] = ()
    source_id: str | None = None

    @classmethod
    def of(cls, record: Record) -> "Field":
        """The record itself."""
        return cls(record, record.value, (), record.key)

    def named(self, source_id: str) -> "Field":
        """The same field; what is refused below it is reported with this source id."""
        return Field(self.record, self.value, self.path, source_id)

    def member(self, name: str) -> "Field":
        """A member of an object; raises InvalidRecordError `missing_field` where it is absent."""
        found = self.optional(name)
        if found is None:
            raise self.refuse("missing_field", f"The field {name!r} is missing; add it.", name)
        return found

    def optional(self, name: str) -> "Field | None":
        """A member of an object, or None where it is absent or null."""
        value = self._expect(dict, "an object").get(name)
        return None if value is None else Field(self.record, value, (*self.path, name), self.source_id)

    def elements(self) -> Iterator["Field"]:
        """The elements of an array."""
        for index, value in enumerate(self._expect(list, "an array")):
            yield Field(self.record, value, (*self.path, index), self.source_id)

    def text(self) -> str:
        """A text, stripped."""
        return self._expect(str, "a text").strip()

    def texts(self) -> list[str]:
        """The texts of an array, stripped, without the blank ones."""
        return [text for text in (element.text() for element in self.elements()) if text]

    def text_or_texts(self) -> str:
        """A text, or the texts of an array joined by newlines."""
        return "\n".join(self.texts()) if isinstance(self.value, list) else self.text()

    def identifier(self) -> str:
        """An id: a text that is not blank, or a whole number."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        identifier = self.text()
        if not identifier:
            raise self.refuse("empty_id", "The id is empty; give the record a name.")
        return identifier

    def number(self, at_least: float = -math.inf, at_most: float = math.inf) -> float:
        """A number within bounds."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type("a number")
        if not at_least <= value <= at_most:
            raise self.refuse("out_of_range", f"{value:g} is not within {at_least:g} and {at_most:g}.")
        return float(value)

    def numbers(self, count: int) -> tuple[float, ...]:
        """An array of exactly `count` numbers."""
        numbers = tuple(element.number() for element in self.elements())
        if len(numbers) != count:
            raise self.refuse("wrong_length", f"There must be {count} numbers here, not {len(numbers)}.")
        return numbers

    def refuse(self, code: str, message: str, *below: str | int) -> InvalidRecordError:
        """The error to raise for this field, or for one below it."""
        pointer = join_pointer(self.record.pointer, (*self.path, *below))
        source_id = None if self.source_id is None else clip(self.source_id)
        return InvalidRecordError(RecordError(self.record.line, pointer, code, message, source_id))

    def _expect(self, wanted: type[_T], name: str) -> _T:
        if not isinstance(self.value, wanted):
            raise self._wrong_type(name)
        return self.value

    def _wrong_type(self, wanted: str) -> InvalidRecordError:
        found = _TYPES.get(type(self.value), "something else")
        return self.refuse("wrong_type", f"There must be {wanted} here, not {found}.")
