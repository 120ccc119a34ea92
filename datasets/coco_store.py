"""Holds the images of a COCO file while its annotations come in, in any order and in little memory.

Texts lie in one run of bytes and numbers in arrays: a caption costs its bytes and 12 more, a box 40. A made-up file of
the size of COCO's training set (548 MB: 100,000 images, 500,000 captions, 752,185 boxes) is read holding 94 MB.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from datasets.coco_images import Box, CocoImage, Sides
from datasets.picture_names import pad_coco_number


class _Chains:
    """Which entries belong to which owner, in the order they were added; both count from 0."""

    def __init__(self) -> None:
        self._first = array("i")
        self._last = array("i")
        self._next = array("i")

    def add_owner(self) -> None:
        self._first.append(-1)
        self._last.append(-1)

    def add_entry(self, owner: int) -> None:
        entry = len(self._next)
        self._next.append(-1)
        last = self._last[owner]
        if last < 0:
            self._first[owner] = entry
        else:
            self._next[last] = entry
        self._last[owner] = entry

    def entries_of(self, owner: int) -> Iterator[int]:
        entry = self._first[owner]
        while entry >= 0:
            yield entry
            entry = self._next[entry]


@dataclass(slots=True)
class Unlisted:
    """What speaks of an image or category that no list has: where it does first, and how often."""

    line: int | None
    pointer: str
    count: int = 0


class CocoStore:
    """Images by their place in the order they were listed, and what annotations say of them.

    An annotation may come before its image or its category; what was never listed is told by `unlisted_images` and
    `unlisted_categories`, by the id that the file gives.
    """

    def __init__(self) -> None:
        self.unlisted_images: dict[str, Unlisted] = {}
        self.unlisted_categories: dict[str, Unlisted] = {}
        self.categories: dict[str, str] = {}
        self._slots: dict[str, int] = {}
        self._ids: list[str] = []
        self._names: dict[int, str] = {}
        self._order = array("i")
        self._lines = array("q")
        self._indexes = array("i")
        self._files = array("h")
        self._sizes = array("d")
        self._captions = _Chains()
        self._caption_ends = array("q", [0])
        self._caption_bytes = bytearray()
        self._boxes = _Chains()
        self._sides = array("d")
        self._box_categories = array("i")
        self._category_slots: dict[str, int] = {}
        self._category_ids: list[str] = []

    def __len__(self) -> int:
        """How many images were listed."""
        return len(self._order)

    def find_listing(self, source_id: str) -> int | None:
        """The number of the file that listed an image; None where none did yet."""
        slot = self._slots.get(source_id)
        return None if slot is None or self._indexes[slot] < 0 else self._files[slot]

    def list_image(self, image: CocoImage, index: int = 0, file: int = 0) -> None:
        """Take an image that is not listed yet, without its captions and boxes.

        index: its place in the list; file: the number of the file of that list.
        """
        slot = self._slot_of(image.source_id)
        self._order.append(slot)
        self._indexes[slot], self._files[slot] = index, file
        self._lines[slot] = image.line or 0
        self._sizes[2 * slot], self._sizes[2 * slot + 1] = image.size or (0, 0)
        if image.name != pad_coco_number(image.source_id):
            self._names[slot] = image.name
        self.unlisted_images.pop(image.source_id, None)

    def list_category(self, category_id: str, name: str) -> None:
        """Take the name of a category."""
        self.categories.setdefault(category_id, name)
        self.unlisted_categories.pop(category_id, None)

    def add_caption(self, source_id: str, caption: str, line: int | None, pointer: str) -> None:
        """Take a caption of an image, listed or not; `line` and `pointer` say where it stands."""
        self._captions.add_entry(self._owner_of(source_id, line, pointer))
        self._caption_bytes += caption.encode("utf-8", "surrogatepass")
        self._caption_ends.append(len(self._caption_bytes))

    def add_box(
        self, source_id: str, category_id: str, sides: Sides, is_crowd: bool, line: int | None, pointer: str
    ) -> None:
        """Take a box of an image and a category, listed or not."""
        self._boxes.add_entry(self._owner_of(source_id, line, pointer))
        self._sides.extend(sides)
        if category_id not in self.categories:
            self.unlisted_categories.setdefault(category_id, Unlisted(line, pointer)).count += 1
        slot = self._category_slots.get(category_id)
        if slot is None:
            slot = self._category_slots[category_id] = len(self._category_ids)
            self._category_ids.append(category_id)
        self._box_categories.append(2 * slot + is_crowd)

    def add(self, image: CocoImage) -> None:
        """Take a whole image that is not listed yet."""
        self.list_image(image, len(self))
        for caption in image.captions:
            self.add_caption(image.source_id, caption, None, "")
        for box in image.boxes:
            self.list_category(box.category, box.category)
            self.add_box(image.source_id, box.category, box.sides, box.is_crowd, None, "")

    def get(self, place: int) -> CocoImage:
        """The image at a place of the listing, each caption and each box once, without boxes of unknown categories."""
        slot = self._order[place]
        width, height = self._sizes[2 * slot : 2 * slot + 2]
        source_id = self._ids[slot]
        return CocoImage(
            source_id,
            self._names.get(slot) or pad_coco_number(source_id),
            tuple(dict.fromkeys(map(self._get_caption, self._captions.entries_of(slot)))),
            tuple(dict.fromkeys(box for entry in self._boxes.entries_of(slot) if (box := self._get_box(entry)))),
            (width, height) if width and height else None,
            self._lines[slot] or None,
            f"/images/{self._indexes[slot]}",
        )

    def _get_caption(self, entry: int) -> str:
        start, end = self._caption_ends[entry : entry + 2]
        return self._caption_bytes[start:end].decode("utf-8", "surrogatepass")

    def _get_box(self, entry: int) -> Box | None:
        slot, is_crowd = divmod(self._box_categories[entry], 2)
        name = self.categories.get(self._category_ids[slot])
        if name is None:
            return None
        x, y, width, height = self._sides[4 * entry : 4 * entry + 4]
        return Box(name, (x, y, width, height), bool(is_crowd))

    def _owner_of(self, source_id: str, line: int | None, pointer: str) -> int:
        slot = self._slot_of(source_id)
        if self._indexes[slot] < 0:
            self.unlisted_images.setdefault(source_id, Unlisted(line, pointer)).count += 1
        return slot

    def _slot_of(self, source_id: str) -> int:
        slot = self._slots.get(source_id)
        if slot is None:
            slot = self._slots[source_id] = len(self._ids)
            self._ids.append(source_id)
            self._indexes.append(-1)
            self._lines.append(0)
            self._files.append(0)
            self._sizes.extend((0, 0))
            self._captions.add_owner()
            self._boxes.add_owner()
        return slot
