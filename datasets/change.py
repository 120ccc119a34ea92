"""Pairs of images that differ: Spot the Difference, and its variant on COCO images."""

import re
from typing import ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule
from datasets.fields import Field
from datasets.house_rules import (
    ASKS_FOR_DIFFERENCES,
    MENTIONS_ANNOTATION,
    MENTIONS_BOXES,
    MENTIONS_SIMILARITIES,
    HouseRule,
)
from datasets.picture_names import name_coco_image, pad_coco_number, stem_of
from datasets.record_values import QueryInput, Record

_TWO_IMAGES = re.compile(r"(?:\D*_)?(\d{1,12})\D+(\d{1,12})")


class SpotTheDifference(AbstractDataset):
    """Differences between two frames of one surveillance camera, in people's words.

    A record that says nothing at all is refused: "nothing differs" is an annotation, silence is none.
    """

    abbr = "SD"
    title = "Spot the Difference"
    file_format = 'json list [{"img_id": "76", "sentences": ["the white car is gone", …]}]'
    image_id_pattern = "SD_IMG_00076_1 and SD_IMG_00076_2"
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
    """Two similar COCO images, each with its captions and boxes, under `image a:` and `image b:`."""

    abbr = "CSD"
    title = "COCO Spot the Difference"
    file_format = 'json object {"000000123456_000000654321": {"sentences": "image a:\\n…\\nimage b:\\n…"}}'
    image_id_pattern = "CSD_IMG_000000123456, one for each image that the id names"
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
