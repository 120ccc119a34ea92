"""Gathers the pictures, albums and stories of a VIST file, which may come in any order, into one text an album.

What is held is what an album's text is made of, each picture and each sentence as one string: the training file, with
40,000 stories, is held in about as much memory as it takes on disk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from datasets.record_values import FileFormatError

HELD_CAP_BYTES = 512 * 1024 * 1024
MOST_PHOTOS = 1_000

_ENTRY_BYTES = 200  # what a string costs in its place, beside its characters
_SEPARATOR = "\x1f"  # no text holds it: markup is stripped of control characters


@dataclass(frozen=True, slots=True)
class AlbumText:
    """An album as the model is to see it, with its pictures in the order of the text.

    text: empty for an album of more than MOST_PHOTOS pictures
    line: the line of the first annotation that tells of it
    """

    album_id: str
    text: str
    photo_ids: tuple[str, ...]
    line: int | None


@dataclass(slots=True)
class _Stories:
    """What is told of an album: story, place in the story, photo and sentence, joined by separators."""

    line: int | None
    told: list[str] = field(default_factory=list)


class AlbumShelf:
    """Holds what was read until all of it was; the adders raise FileFormatError for a file that holds too much."""

    def __init__(self, cap_bytes: int = HELD_CAP_BYTES) -> None:
        self._cap_bytes = cap_bytes
        self._photos: dict[str, str] = {}
        self._albums: dict[str, str] = {}
        self._stories: dict[str, _Stories] = {}
        self._held_bytes = 0

    def add_photo(self, photo_id: str, title: str, tags: str) -> bool:
        """Note a picture; False where another one with its id was noted before, which stays."""
        return self._note(self._photos, photo_id, _join(("title", title), ("tags", tags)))

    def add_album(self, album_id: str, title: str, description: str) -> bool:
        """Note an album; False where another one with its id was noted before, which stays."""
        return self._note(self._albums, album_id, _join(("album title", title), ("album description", description)))

    def add_sentence(
        self, album_id: str, story_id: str, place: int, photo_id: str, text: str, line: int | None
    ) -> None:
        """Note what a story says of its picture at a place, counted from 0; a sentence told twice counts once."""
        stories = self._stories.get(album_id)
        if stories is None:
            stories = self._stories[album_id] = _Stories(line)
        self._count(len(text) + len(photo_id) + len(story_id))
        stories.told.append(_SEPARATOR.join((story_id, str(place), photo_id, text)))

    def take_albums(self) -> Iterator[AlbumText]:
        """Every album of which something is told, as the file tells of them; what was given is forgotten."""
        while self._stories:
            album_id = next(iter(self._stories))
            yield self._write_album(album_id, self._stories.pop(album_id))

    def _write_album(self, album_id: str, stories: _Stories) -> AlbumText:
        chapters: dict[str, list[tuple[int, str]]] = {}
        sentences: dict[str, dict[str, None]] = {}
        for told in stories.told:
            story_id, place, photo_id, text = told.split(_SEPARATOR)
            chapters.setdefault(story_id, []).append((int(place), photo_id))
            sentences.setdefault(photo_id, {})[text] = None
        if len(sentences) > MOST_PHOTOS:
            return AlbumText(album_id, "", tuple(sentences), stories.line)
        orders = ([photo for _, photo in sorted(story, key=lambda told: told[0])] for story in chapters.values())
        photo_ids = merge_orders(orders)
        blocks = [self._albums.get(album_id, "")]
        for number, photo_id in enumerate(photo_ids, 1):
            lines = [f"image {number}", self._photos.get(photo_id, "")]
            lines += [f"annotation: {text}" for text in sentences[photo_id]]
            blocks.append("\n".join(line for line in lines if line))
        return AlbumText(album_id, "\n\n".join(block for block in blocks if block), photo_ids, stories.line)

    def _note(self, shelf: dict[str, str], name: str, text: str) -> bool:
        if name in shelf:
            return shelf[name] == text
        self._count(len(name) + len(text))
        shelf[name] = text
        return True

    def _count(self, characters: int) -> None:
        self._held_bytes += characters + _ENTRY_BYTES
        if self._held_bytes > self._cap_bytes:
            raise FileFormatError(None, "The file tells more than can be held at once; split it, album by album.")


def merge_orders(orders: Iterable[list[str]]) -> tuple[str, ...]:
    """One order of all names: that of the first list, and each further list's new names after their predecessor there.

    A list that shares no name with those before it comes after them.
    """
    merged: list[str] = []
    for order in orders:
        known = set(merged)
        at = 0 if known.intersection(order) else len(merged)
        for name in order:
            if name in known:
                at = max(at, merged.index(name) + 1)
            else:
                merged.insert(at, name)
                known.add(name)
                at += 1
    return tuple(merged)


def _join(*members: tuple[str, str]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in members if text)
