"""Pairs of images that differ: Spot the Difference, and its variant on COCO images."""

import re
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule, check_query_input
from datasets.coco_file import fill_store, is_coco_file
from datasets.coco_images import FILE_FORMAT, CocoImage, read_image
from datasets.coco_partners import pair_images
from datasets.coco_store import CocoStore
from datasets.fields import Field
from datasets.house_rules import (
    ASKS_FOR_DIFFERENCES,
    MENTIONS_ANNOTATION,
    MENTIONS_BOXES,
    MENTIONS_SIMILARITIES,
    HouseRule,
)
from datasets.picture_names import name_coco_image, pad_coco_number, stem_of
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import FileFormat, read_records

_TWO_IMAGES = re.compile(r"(?:\D*_)?(\d{1,12})\D+(\d{1,12})")


class SpotTheDifference(AbstractDataset):
    """Differences between two frames of one surveillance camera, in people's words.

    A record that says nothing at all is refused: "nothing differs" is an annotation, silence is none.
    """

    abbr = "SD"
    title = "Spot the Difference"
    file_format = 'json list [{"img_id": "76", "sentences": ["the white car is gone", …]}]'
    image_id_pattern = "SD_IMG_00076_1 and SD_IMG_00076_2"
    picture_files: ClassVar[tuple[str, ...]] = ("76.png", "76_2.png", "76_diff.jpg")
    prompt_file = "spot_the_difference.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION,)
    relation_rule: ClassVar[RelationRule] = "none"
    train_rule: ClassVar[TrainRule] = "empty"

    def read_record(self, record: Record) -> QueryInput:
        """`img_id` and the `sentences`, joined by newlines."""
        root = Field.of(record)
        source_id = root.member("img_id").identifier()
        sentences = root.named(source_id).member("sentences").texts()
        image = _pad_number(source_id)
        return QueryInput(source_id, "\n".join(sentences), (f"SD_IMG_{image}_1", f"SD_IMG_{image}_2"))

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """As published, `76.png` is the first picture and `76_2.png` the second; `76_diff.jpg` only marks them."""
        stem = stem_of(file_name)
        if stem.startswith(f"{cls.abbr}_IMG_"):
            return stem
        if stem.endswith("_diff"):
            return None
        name, _, which = stem.rpartition("_")
        if name and which in ("1", "2"):
            return f"SD_IMG_{_pad_number(name)}_{which}"
        return f"SD_IMG_{_pad_number(stem)}_1"


class CocoSpotTheDifference(AbstractDataset):
    """Two similar COCO images, each with its captions and boxes, under `image a:` and `image b:`.

    A file may hold the query inputs ready made, or the annotations of single images, in the forms that
    `llava.Conversation` reads. Those are paired here: image b is the one most like image a, as
    `datasets/coco_partners.py` measures it; two images that are each other's likest are one item. Annotations are held
    until the file ends, compactly: any image may be the partner of any other.
    """

    abbr = "CSD"
    title = "COCO Spot the Difference"
    file_format = (
        'json object {"000000123456_000000654321": {"sentences": "image a:\\n…\\nimage b:\\n…"}}; or single images, to '
        f"be paired: {FILE_FORMAT}"
    )
    image_id_pattern = "CSD_IMG_000000123456, one for each image that the id names"
    picture_files: ClassVar[tuple[str, ...]] = ("000000123456.jpg", "COCO_train2014_000000123456.jpg")
    prompt_file = "coco_spot_the_difference.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (
        MENTIONS_ANNOTATION,
        MENTIONS_BOXES,
        ASKS_FOR_DIFFERENCES,
        MENTIONS_SIMILARITIES,
    )

    def read_record(self, record: Record) -> QueryInput:
        """`sentences`, a text or a list of texts; the id is the record's key or its `id`."""
        root = Field.of(record)
        source_id = record.key if record.key is not None else root.member("id").identifier()
        sentences = root.named(source_id).member("sentences").text_or_texts()
        match = _TWO_IMAGES.fullmatch(source_id)
        image_ids = tuple(f"CSD_IMG_{pad_coco_number(number)}" for number in match.groups()) if match else ()
        return QueryInput(source_id, sentences, image_ids)

    def read_stream(self, stream: BinaryIO, file_format: FileFormat | None) -> Iterator[QueryInput | RecordError]:
        """Ready query inputs as they go by; then the pairs of whatever single images the file holds."""
        store = CocoStore()
        if file_format != "jsonl" and is_coco_file(stream):
            yield from fill_store(stream, store)
        else:
            yield from self._read_or_hold(stream, file_format, store)
        for found in pair_images(store):
            if isinstance(found, RecordError):
                yield found
                continue
            image, partner = found
            try:
                yield check_query_input(_show_pair(image, partner), Record(image.line, None, None, image.pointer))
            except InvalidRecordError as refused:
                yield refused.error

    def _read_or_hold(
        self, stream: BinaryIO, file_format: FileFormat | None, store: CocoStore
    ) -> Iterator[QueryInput | RecordError]:
        for record in read_records(stream, file_format, self.record_cap_bytes):
            if isinstance(record, RecordError):
                yield record
            elif _is_single_image(record):
                try:
                    _hold(record, store)
                except InvalidRecordError as refused:
                    yield refused.error
            else:
                yield from self.read_items(record)

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """`COCO_train2014_000000123456.jpg` and `000000123456.jpg` are `CSD_IMG_000000123456`."""
        return name_coco_image(cls.abbr, file_name)

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """Six digits, as published: `CSD_INS_000001`."""
        return f"{cls.abbr}_INS_{serial:06d}"


def _pad_number(source_id: str) -> str:
    return source_id.zfill(5) if source_id.isascii() and source_id.isdigit() else source_id


def _is_single_image(record: Record) -> bool:
    value = record.value
    return isinstance(value, dict) and "sentences" not in value and ("captions" in value or "image_id" in value)


def _hold(record: Record, store: CocoStore) -> None:
    image = read_image(record)
    if store.find_listing(image.source_id) is not None:
        message = "An image of this id stands before it; that one is kept, since pairs name their images."
        raise Field.of(record).named(image.source_id).refuse("duplicate_id", message, "id")
    store.add(image)


def _show_pair(image: CocoImage, partner: CocoImage) -> QueryInput:
    sentences = f"image a:\n{image.sentences}\nimage b:\n{partner.sentences}"
    image_ids = (f"CSD_IMG_{image.name}", f"CSD_IMG_{partner.name}")
    return QueryInput(f"{image.name}_{partner.name}", sentences, image_ids, image.line)
