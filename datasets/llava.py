"""Single images of COCO with captions and instance boxes, in the manner of LLaVA."""

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule, check_query_input
from datasets.coco_file import is_coco_file, read_coco_images
from datasets.coco_images import FILE_FORMAT, CocoImage, read_image
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_BOXES, HouseRule
from datasets.picture_names import name_coco_image, pad_coco_number
from datasets.picture_rules import (
    ASKS_WHAT_IS_VISIBLE,
    LEAVES_IT_OPEN,
    MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE,
    TOO_BRIEF,
)
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import FileFormat


class _CocoImages(AbstractDataset):
    """One image of COCO for each item, read in any of the ways in which its annotations are found."""

    file_format = FILE_FORMAT
    image_id_pattern = "LA_IMG_000000033471"
    picture_files: ClassVar[tuple[str, ...]] = ("000000033471.jpg", "COCO_train2014_000000033471.jpg")

    def read_record(self, record: Record) -> QueryInput:
        """The captions, a line each, then `category: [x, y, w, h]` for each box."""
        return _ask_about(read_image(record))

    def read_stream(self, stream: BinaryIO, file_format: FileFormat | None) -> Iterator[QueryInput | RecordError]:
        """Lists and lines as they go by; files as COCO publishes them once all of their annotations are in."""
        if file_format == "jsonl" or not is_coco_file(stream):
            yield from super().read_stream(stream, file_format)
            return
        for found in read_coco_images(stream):
            if isinstance(found, RecordError):
                yield found
                continue
            try:
                yield check_query_input(_ask_about(found), Record(found.line, None, None, found.pointer))
            except InvalidRecordError as refused:
                yield refused.error

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """The image, as published: `LADD_INS_000000033471`; `_1` and so on for further pairs of one image."""
        more = f"_{ordinal}" if ordinal else ""
        return f"{cls.abbr}_INS_{pad_coco_number(source_id)}{more}"

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """`COCO_train2014_000000033471.jpg` and `000000033471.jpg` are `LA_IMG_000000033471`."""
        return name_coco_image("LA", file_name)


class Conversation(_CocoImages):
    """A conversation about an image, out of its captions and the boxes of its objects.

    Boxes are given to the model as `[x, y, w, h]`. A file may hold `[x, y, w, h]` in pixels, as COCO has it, or the
    corners `[x1, y1, x2, y2]` as fractions of the image, as LLaVA has it. The record's `bbox_format` ("xywh" or
    "xyxy") says which; without it, a record whose boxes all lie within 0 and 1 and are proper corners is "xyxy".
    """

    abbr = "LACONV"
    title = "LLaVA conversation"
    prompt_file = "conversation.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, MENTIONS_BOXES, LEAVES_IT_OPEN)
    relation_rule: ClassVar[RelationRule] = "earlier_rounds"
    train_rule: ClassVar[TrainRule] = "last_round"

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """Image and round, as published: `LACONV_INS_000000033471_2`."""
        return f"{cls.abbr}_INS_{pad_coco_number(source_id)}_{ordinal}"


class DetailedDescription(_CocoImages):
    """One detailed description of an image, out of its captions and the boxes of its objects.

    Reads the same files as `llava.Conversation`. A reply is one pair: a request to describe the image, and a
    description that goes into detail.
    """

    abbr = "LADD"
    title = "LLaVA detailed description"
    prompt_file = "detailed_description.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (
        MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE,
        MENTIONS_BOXES,
        TOO_BRIEF,
    )
    relation_rule: ClassVar[RelationRule] = "none"
    train_rule: ClassVar[TrainRule] = "empty"
    most_pairs: ClassVar[int | None] = 1


class ComplexReasoning(_CocoImages):
    """Questions about an image that take thought, out of its captions and the boxes of its objects.

    Reads the same files as `llava.Conversation`. What is asked is not to be seen by looking: it takes conclusions or
    common knowledge, and has a definite answer.
    """

    abbr = "LACR"
    title = "LLaVA complex reasoning"
    prompt_file = "complex_reasoning.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (
        MENTIONS_ANNOTATION,
        MENTIONS_BOXES,
        ASKS_WHAT_IS_VISIBLE,
        LEAVES_IT_OPEN,
    )
    relation_rule: ClassVar[RelationRule] = "similar_texts"
    train_rule: ClassVar[TrainRule] = "first_two"


def _ask_about(image: CocoImage) -> QueryInput:
    return QueryInput(image.source_id, image.sentences, (f"LA_IMG_{image.name}",), image.line)
