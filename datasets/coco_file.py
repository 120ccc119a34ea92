"""Reads COCO annotation files, one json or a zip of several, into a store; what is wrong is reported record by record.

COCO keeps captions and boxes far from their images, in two files of one shape: `{"images", "annotations",
"categories"}`. An annotation with a `caption` is a caption, one with a `bbox` is a box; other files of the same shape
(key points) bring their boxes too, and a box that is there already counts once. Nothing can be said of an image
before the last file ends, so all of it is held, compactly: see `CocoStore`.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, BinaryIO

from datasets.byte_window import CHUNK_BYTES, ByteWindow
from datasets.coco_images import CocoImage, read_category, read_sides
from datasets.coco_store import CocoStore
from datasets.fields import Field
from datasets.json_members import read_member_arrays
from datasets.picture_names import pad_coco_number, stem_of
from datasets.record_values import FileFormatError, InvalidRecordError, Record, RecordError, clip
from datasets.records import RECORD_CAP_BYTES

MAX_ZIP_FILES = 100
MAX_ZIP_RATIO = 100
MAX_ZIP_BYTES = 8 * 2**30
MAX_ZIP_FLOOR = 4 * 2**20  # below this a high ratio is a small repetitive file, no bomb

_ARRAYS = ("images", "annotations", "categories")
_SHAPE = "COCO annotation files have `images`, `annotations` and, for boxes, `categories`."
_JOIN = "COCO has captions and boxes in two files: send a zip of both."
_BOM = b"\xef\xbb\xbf"
_HEAD = re.compile(
    rb'\s*\{\s*"(?:(?:images|annotations)"\s*:\s*\[|(?:info|licenses|categories)"\s*:\s*[\[{]'
    rb'|type"\s*:\s*"(?:captions|instances)")'
)


def is_coco_file(stream: BinaryIO) -> bool:
    """Whether a stream that can seek begins like a COCO file or like a zip; it is left at its start."""
    if not stream.seekable():
        return False
    head = stream.read(CHUNK_BYTES)
    stream.seek(0)
    return _is_zip(head) or _HEAD.match(head.removeprefix(_BOM)) is not None


def read_coco_images(stream: BinaryIO) -> Iterator[CocoImage | RecordError]:
    """The images of a COCO file in the order of their lists, after whatever is wrong with its annotations.

    An image without any caption is a RecordError. Raises FileFormatError.
    """
    store = CocoStore()
    yield from fill_store(stream, store)
    for place in range(len(store)):
        image, errors = check_image(store.get(place))
        yield from errors
        if image is not None:
            yield image


def fill_store(stream: BinaryIO, store: CocoStore) -> Iterator[RecordError]:
    """Read all images and annotations into a store, yielding what is refused. Raises FileFormatError."""
    head = stream.read(4)
    stream.seek(0)
    if _is_zip(head):
        yield from _fill_from_zip(stream, store)
    else:
        yield from _Reader(store, 0).read(stream)
    if not len(store):
        raise FileFormatError(None, f"No image is listed here. {_SHAPE}")
    for source_id, unlisted in store.unlisted_images.items():
        message = f"No image {clip(source_id)} is listed; what {unlisted.count:,} annotations say of it was left out."
        yield RecordError(unlisted.line, f"{unlisted.pointer}/image_id", "unknown_image", message, clip(source_id))
    for category_id, unlisted in store.unlisted_categories.items():
        message = f"No category {clip(category_id)} is listed; {unlisted.count:,} boxes of it were left out."
        yield RecordError(unlisted.line, f"{unlisted.pointer}/category_id", "unknown_category", message)


def check_image(image: CocoImage) -> tuple[CocoImage | None, list[RecordError]]:
    """The image without boxes that lie outside it, None where it has no caption; and what was wrong."""
    source_id = clip(image.source_id)
    if not image.captions:
        message = "No annotation is a caption of this image; without one nothing can be asked. " + _JOIN
        return None, [RecordError(image.line, image.pointer, "empty_sentences", message, source_id)]
    if image.size is None:
        return image, []
    width, height = image.size
    boxes, errors = [], []
    for box in image.boxes:
        x, y, w, h = box.sides
        if x < width and y < height and x + w > 0 and y + h > 0:
            boxes.append(box)
        else:
            message = f"The box {box.line} lies outside the image of {width:g} × {height:g}; it was left out."
            errors.append(RecordError(image.line, image.pointer, "bad_box", message, source_id))
    return replace(image, boxes=tuple(boxes)), errors


class _Reader:
    """Reads one file into a store that other files may fill too.

    number: tells the files of a store apart; name: stands before messages, where there are several files
    """

    def __init__(self, store: CocoStore, number: int, name: str = "") -> None:
        self._store = store
        self._number = number
        self._prefix = f"{clip(name, 100)}: " if name else ""
        self._takers = {
            "images": self._take_image,
            "annotations": self._take_annotation,
            "categories": self._take_category,
        }

    def read(self, stream: IO[bytes]) -> Iterator[RecordError]:
        window = ByteWindow(stream)
        window.ensure(CHUNK_BYTES)
        if window.data.startswith(_BOM):
            window.advance(len(_BOM))
        window.next_byte()
        for name, record in read_member_arrays(window, _ARRAYS, RECORD_CAP_BYTES):
            error = record if isinstance(record, RecordError) else self._take(name, record)
            if error is not None:
                yield replace(error, message=self._prefix + error.message)

    def _take(self, name: str, record: Record) -> RecordError | None:
        try:
            self._takers[name](Field.of(record))
        except InvalidRecordError as refused:
            return refused.error
        return None

    def _take_image(self, root: Field) -> None:
        source_id = root.member("id").identifier()
        root = root.named(source_id)
        listed_by = self._store.find_listing(source_id)
        if listed_by == self._number:
            raise root.refuse("duplicate_id", "An image of this id is listed already; that one is kept.", "id")
        if listed_by is not None:
            return
        file_name, width, height = root.optional("file_name"), root.optional("width"), root.optional("height")
        stem = stem_of(file_name.identifier()) if file_name is not None else ""
        size = (width.number(at_least=1), height.number(at_least=1)) if width and height else None
        record = root.record
        index = int(record.pointer.rpartition("/")[2])
        name = pad_coco_number(stem or source_id)
        self._store.list_image(CocoImage(source_id, name, (), (), size, record.line), index, self._number)

    def _take_annotation(self, root: Field) -> None:
        source_id = root.member("image_id").identifier()
        root = root.named(source_id)
        record = root.record
        caption, bbox = root.optional("caption"), root.optional("bbox")
        if caption is None and bbox is None:
            message = "An annotation has a `caption`, or a `bbox` and its `category_id`; this one has neither."
            raise root.refuse("missing_field", message)
        if bbox is not None:
            sides, category_id = read_sides(bbox), root.member("category_id").identifier()
            crowd = root.optional("iscrowd")
            is_crowd = crowd is not None and crowd.number(0, 1) == 1
            self._store.add_box(source_id, category_id, sides, is_crowd, record.line, record.pointer)
        if caption is not None:
            text = " ".join(caption.text().split())
            if not text:
                raise caption.refuse("empty_caption", "The caption is empty; say what is to be seen.")
            self._store.add_caption(source_id, text, record.line, record.pointer)

    def _take_category(self, root: Field) -> None:
        self._store.list_category(root.member("id").identifier(), read_category(root.member("name")))


def _fill_from_zip(stream: BinaryIO, store: CocoStore) -> Iterator[RecordError]:
    try:
        with zipfile.ZipFile(stream) as archive:
            for number, entry in enumerate(_list_entries(archive, stream)):
                with archive.open(entry) as file:
                    head = file.read(CHUNK_BYTES)
                with archive.open(entry) as file:
                    if _HEAD.match(head.removeprefix(_BOM)):
                        yield from _Reader(store, number, entry.filename).read(file)
                    else:
                        message = f"{clip(entry.filename, 100)}: this is no COCO file and was passed over. {_SHAPE}"
                        yield RecordError(None, "", "not_coco", message)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FileFormatError(None, f"The zip is damaged ({error}); pack it again.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise FileFormatError(None, f"The zip cannot be unpacked ({error}); pack it without a password.") from error


def _list_entries(archive: zipfile.ZipFile, stream: BinaryIO) -> list[zipfile.ZipInfo]:
    """The json files of a zip that is no bomb: sizes are declared, and no entry unpacks to more than it declares."""
    entries = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".json") and not entry.filename.startswith("__MACOSX/")
    ]
    if not entries:
        raise FileFormatError(None, f"The zip holds no json file. {_SHAPE}")
    packed = stream.seek(0, io.SEEK_END)
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ZIP_FILES or unpacked > min(MAX_ZIP_BYTES, max(MAX_ZIP_FLOOR, MAX_ZIP_RATIO * packed)):
        raise FileFormatError(
            None,
            f"The zip holds more than {MAX_ZIP_FILES} json files, or unpacks to more than {MAX_ZIP_RATIO} times its "
            "size or 8 GiB; pack the two files of captions and of instances alone.",
        )
    return entries


def _is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
