"""Reads the records of a VIST file: its pictures, its albums, and the sentences of its stories."""

from collections.abc import Iterator
from typing import BinaryIO

from datasets.fields import Field
from datasets.json_members import begins_with_member, read_member_arrays
from datasets.markup import strip_markup
from datasets.record_values import Record, RecordError, clip
from datasets.records import FileFormat, open_window, read_window
from datasets.story_albums import AlbumShelf

SECTIONS = ("images", "albums", "annotations")
LONGEST_DESCRIPTION = 1_000
MOST_TAGS = 20

_MEMBERS = (*SECTIONS, "info", "type", "licenses")


def read_story_file(
    stream: BinaryIO, file_format: FileFormat | None, record_cap_bytes: int
) -> Iterator[tuple[str, Record | RecordError]]:
    """Every record with the name of its section; raises FileFormatError.

    A file without sections, a list or lines, holds annotations.
    """
    window = open_window(stream)
    if file_format != "jsonl" and begins_with_member(window, _MEMBERS):
        yield from read_member_arrays(window, SECTIONS, record_cap_bytes)
        return
    for record in read_window(window, file_format, record_cap_bytes):
        yield "annotations", record


def list_annotations(field: Field) -> Iterator[Field]:
    """The annotations of a record: it is one, or a list of them, as published a list of one."""
    if not isinstance(field.value, list):
        yield field
        return
    annotations = list(field.elements())
    if not annotations:
        raise field.refuse("empty_sentences", "The annotation is an empty list; give it its object or leave it out.")
    yield from annotations


def read_photo(shelf: AlbumShelf, root: Field) -> None:
    """Put a picture on the shelf; raises InvalidRecordError."""
    photo_id = _read_name(root.member("id"))
    root = root.named(photo_id)
    tags = root.optional("tags")
    texts = [] if tags is None else tags.texts() if isinstance(tags.value, list) else tags.text().split()
    words = [word for word in map(strip_markup, texts) if word]
    if not shelf.add_photo(photo_id, _read_line(root, "title"), ", ".join(words[:MOST_TAGS])):
        raise root.refuse("repeated_id", "Another image of this id came before and was kept; give each its own.", "id")


def read_album(shelf: AlbumShelf, root: Field) -> None:
    """Put an album on the shelf; raises InvalidRecordError."""
    album_id = _read_name(root.member("id"))
    root = root.named(album_id)
    description = clip(_read_line(root, "description"), LONGEST_DESCRIPTION)
    if not shelf.add_album(album_id, _read_line(root, "title"), description):
        raise root.refuse("repeated_id", "Another album of this id came before and was kept; give each its own.", "id")


def read_sentence(shelf: AlbumShelf, root: Field) -> None:
    """Put a sentence of a story on the shelf; raises InvalidRecordError."""
    album_id = _read_name(root.member("album_id"))
    root = root.named(album_id)
    photo_id = _read_name(root.member("photo_flickr_id"))
    story = root.optional("story_id")
    place = root.optional("worker_arranged_photo_order")
    field = root.optional("original_text") or root.member("text")
    text = strip_markup(field.text())
    if not text:
        raise field.refuse("empty_sentences", "The annotation is empty; without a text it tells no story.")
    story_id = _read_name(story) if story is not None else ""
    order = int(place.number(at_least=0, at_most=100_000)) if place is not None else 0
    shelf.add_sentence(album_id, story_id, order, photo_id, text, root.record.line)


def _read_name(field: Field) -> str:
    name = field.identifier()
    if not name.isprintable():
        raise field.refuse("bad_id", "An id has no control characters and no line breaks.")
    return name


def _read_line(root: Field, name: str) -> str:
    text = root.optional(name)
    return strip_markup(text.text()) if text is not None else ""
