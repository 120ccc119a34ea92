"""`{image id: base64}` read as a stream, whatever its layout and size."""

import base64
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.archives.base64_members import _Window, read_base64_members
from app.services.archives.entries import BrokenArchiveError, EntryError


class Trickle(io.BytesIO):
    """A file that gives little at a time, so that every token is cut somewhere."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._step)


@given(
    members=st.dictionaries(st.text(max_size=20), st.binary(max_size=300), max_size=6),
    indent=st.sampled_from([None, 0, 4]),
    step=st.integers(1, 40),
    urlsafe=st.booleans(),
)
def test_what_json_writes_is_read_back(members: dict[str, bytes], indent: int | None, step: int, urlsafe: bool) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = json.dumps({name: encode(data).decode() for name, data in members.items()}, indent=indent)
    found = list(read_base64_members(Trickle(text.encode(), step), 1000))
    assert [(member.name, member.data) for member in found if member.error is None] == list(members.items())
    assert all(member.error is None for member in found)


def test_a_bad_member_is_refused_by_itself() -> None:
    body = {"a": "aGk=", "b": "no base64!", "c": None, "d": 7, "e": "x" * 5000, "f": "eHg"}
    for step in (7, 100_000):
        found = list(read_base64_members(Trickle(json.dumps(body).encode(), step), 1000))
        codes = [member.error.code if isinstance(member.error, EntryError) else member.data for member in found]
        assert codes == [b"hi", "undecodable", "undecodable", "undecodable", "too_many_bytes", b"xx"]


@pytest.mark.parametrize(
    ("text", "line"), [(b'{"a": "aGk="\n "b": ""}', 2), (b'{"a": ["x"]}', 1), (b'{\n\n"a": "aGk=', 3), (b"[]", 1)]
)
def test_where_it_is_broken_is_told(text: bytes, line: int) -> None:
    with pytest.raises(BrokenArchiveError, match=f"line {line}"):
        list(read_base64_members(io.BytesIO(text), 1000))


def test_a_long_text_with_quotes_behind_backslashes_ends_where_it_should() -> None:
    window = _Window(Trickle(b'"ab\\"cd\\\\" rest', 3), 100)
    assert window.take_string(None) == b'ab\\"cd\\\\'
