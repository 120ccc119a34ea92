"""Single images of COCO with captions and instance boxes, in the manner of LLaVA."""

from typing import ClassVar, Literal

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule
from datasets.fields import Field
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_BOXES, HouseRule
from datasets.picture_names import name_coco_image, pad_coco_number, stem_of
from datasets.record_values import QueryInput, Record

BoxFormat = Literal["xywh", "xyxy"]


class Conversation(AbstractDataset):
    """A conversation about an image, out of its captions and the boxes of its objects.

    Boxes are given to the model as `[x, y, w, h]`. A file may hold `[x, y, w, h]` in pixels, as COCO has it, or the
    corners `[x1, y1, x2, y2]` as fractions of the image, as LLaVA has it. The record's `bbox_format` ("xywh" or
    "xyxy") says which; without it, a record whose boxes all lie within 0 and 1 and are proper corners is "xyxy".
    """

    abbr = "LACONV"
    title = "LLaVA conversation"
    file_format = (
        'jsonl or json list {"id", "image"?, "captions": ["…", …], "instances": [{"category", "bbox": [4 numbers]}], '
        '"bbox_format"?: "xywh" | "xyxy"}'
    )
    image_id_pattern = "LA_IMG_000000033471"
    prompt_file = "conversation.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, MENTIONS_BOXES)
    relation_rule: ClassVar[RelationRule] = "earlier_rounds"
    train_rule: ClassVar[TrainRule] = "last_round"

    def read_record(self, record: Record) -> QueryInput:
        """The captions, a line each, then `category: [x, y, w, h]` for each box."""
        root = Field.of(record)
        source_id = record.key if record.key is not None else root.member("id").identifier()
        root = root.named(source_id)
        captions = root.member("captions")
        lines = captions.texts()
        if not lines:
            raise captions.refuse("empty_sentences", "The image has no caption; without one nothing can be asked.")
        instances = root.optional("instances")
        if instances is not None:
            lines += _read_instances(instances, root.optional("bbox_format"))
        image = root.optional("image")
        return QueryInput(source_id, "\n".join(lines), (f"LA_IMG_{_name_image(source_id, image)}",))

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """Image and round, as published: `LACONV_INS_000000033471_2`."""
        return f"{cls.abbr}_INS_{pad_coco_number(source_id)}_{ordinal}"

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """`COCO_train2014_000000033471.jpg` and `000000033471.jpg` are `LA_IMG_000000033471`."""
        return name_coco_image("LA", file_name)


def detect_bbox_format(boxes: list[tuple[float, ...]]) -> BoxFormat:
    """Corners as fractions ("xyxy") where every number lies within 0 and 1 and every box is a proper one."""
    corners = all(0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1 for x1, y1, x2, y2 in boxes)
    return "xyxy" if corners else "xywh"


def _read_instances(instances: Field, stated: Field | None) -> list[str]:
    fields = [instance.member("bbox") for instance in instances.elements()]
    categories = [instance.member("category").text() for instance in instances.elements()]
    boxes = [field.numbers(4) for field in fields]
    box_format = detect_bbox_format(boxes) if stated is None else _read_format(stated)
    return [
        f"{category}: [{', '.join(f'{number:g}' for number in _to_sides(field, box, box_format))}]"
        for category, field, box in zip(categories, fields, boxes, strict=True)
    ]


def _read_format(stated: Field) -> BoxFormat:
    text = stated.text()
    if text == "xywh":
        return "xywh"
    if text == "xyxy":
        return "xyxy"
    raise stated.refuse("unknown_bbox_format", 'bbox_format is "xywh" (corner, width, height) or "xyxy" (two corners).')


def _to_sides(field: Field, box: tuple[float, ...], box_format: BoxFormat) -> tuple[float, ...]:
    """[x, y, w, h], rounded to hide the noise of subtraction."""
    left, top, third, fourth = box
    width, height = (third - left, fourth - top) if box_format == "xyxy" else (third, fourth)
    if width < 0 or height < 0:
        raise field.refuse("bad_box", "The box has a negative side; check its numbers and bbox_format.")
    return tuple(round(number, 3) for number in (left, top, width, height))


def _name_image(source_id: str, image: Field | None) -> str:
    stem = stem_of(image.identifier()) if image is not None else ""
    return pad_coco_number(stem or source_id)
