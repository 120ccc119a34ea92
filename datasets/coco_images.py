"""An image of COCO as its annotations tell it: its captions and the boxes of its objects."""

from dataclasses import dataclass
from typing import Literal

from datasets.fields import Field
from datasets.picture_names import pad_coco_number, stem_of
from datasets.record_values import InvalidRecordError, Record

BoxFormat = Literal["xywh", "xyxy"]
Sides = tuple[float, float, float, float]

FILE_FORMAT = (
    'jsonl or json list {"id", "image"?, "captions": ["…", …], "instances"?: [{"category", "bbox": [4 numbers]}], '
    '"bbox_format"?: "xywh" | "xyxy"}; or as COCO publishes it: json {"images": [{"id", "file_name"}], "annotations": '
    '[{"image_id", "caption"} or {"image_id", "category_id", "bbox"}], "categories": [{"id", "name"}]}, captions and '
    "boxes in one file, or a zip of the two files"
)


@dataclass(frozen=True, slots=True)
class Box:
    """An object in an image: `sides` are x, y, width and height, as the file has them; a crowd is many in one box."""

    category: str
    sides: Sides
    is_crowd: bool = False

    @property
    def line(self) -> str:
        """How the model sees it."""
        mark = " (crowd)" if self.is_crowd else ""
        return f"{self.category}{mark}: [{', '.join(f'{number:g}' for number in self.sides)}]"


@dataclass(frozen=True, slots=True)
class CocoImage:
    """source_id as the file gives it; `name` is its number in twelve digits, or what else it is called.

    size: width and height, in the unit of the boxes; None where the file does not say.
    line, pointer: where its record stands.
    """

    source_id: str
    name: str
    captions: tuple[str, ...]
    boxes: tuple[Box, ...]
    size: tuple[float, float] | None = None
    line: int | None = None
    pointer: str = ""

    @property
    def sentences(self) -> str:
        """The captions, a line each, then `category: [x, y, w, h]` for each box."""
        return "\n".join([*self.captions, *(box.line for box in self.boxes)])


def read_image(record: Record) -> CocoImage:
    """An image out of a record `{id, image?, captions, instances?, bbox_format?}`; raises InvalidRecordError."""
    root = Field.of(record)
    _refuse_bare_annotation(root)
    source_id = record.key if record.key is not None else root.member("id").identifier()
    root = root.named(source_id)
    captions = root.member("captions")
    texts = captions.texts()
    if not texts:
        raise captions.refuse("empty_sentences", "The image has no caption; without one nothing can be asked.")
    instances, image = root.optional("instances"), root.optional("image")
    boxes = _read_instances(instances, root.optional("bbox_format")) if instances is not None else ()
    stem = stem_of(image.identifier()) if image is not None else ""
    name = pad_coco_number(stem or source_id)
    return CocoImage(source_id, name, tuple(texts), boxes, None, record.line, record.pointer)


def read_sides(field: Field) -> Sides:
    """x, y, width and height of a box in pixels; raises InvalidRecordError."""
    return _to_sides(field, field.numbers(4), "xywh")


def read_category(field: Field) -> str:
    """The name of a category, in one line; raises InvalidRecordError."""
    category = " ".join(field.text().split())
    if not category:
        raise field.refuse("empty_category", "The box has no category; say what is in it.")
    return category


def detect_bbox_format(boxes: list[tuple[float, ...]]) -> BoxFormat:
    """Corners as fractions ("xyxy") where every number lies within 0 and 1 and every box is a proper one."""
    corners = all(0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1 for x1, y1, x2, y2 in boxes)
    return "xyxy" if corners else "xywh"


def _refuse_bare_annotation(root: Field) -> None:
    """COCO's own annotations know their image by its number only: a list of them has no captions to ask about."""
    value = root.value
    if isinstance(value, dict) and "image_id" in value and "captions" not in value:
        raise _explain_bare_annotation(root.named(str(value["image_id"])))


def _explain_bare_annotation(root: Field) -> InvalidRecordError:
    return root.refuse(
        "missing_field",
        "This is one annotation of COCO, not an image: its captions are missing. Send the whole file with `images`, "
        "`annotations` and `categories`, the captions among the annotations, or zip it with the file of captions.",
        "captions",
    )


def _read_instances(instances: Field, stated: Field | None) -> tuple[Box, ...]:
    fields = [instance.member("bbox") for instance in instances.elements()]
    categories = [read_category(instance.member("category")) for instance in instances.elements()]
    boxes = [field.numbers(4) for field in fields]
    box_format = detect_bbox_format(boxes) if stated is None else _read_format(stated)
    return tuple(
        Box(category, _to_sides(field, box, box_format))
        for category, field, box in zip(categories, fields, boxes, strict=True)
    )


def _read_format(stated: Field) -> BoxFormat:
    text = stated.text()
    if text == "xywh":
        return "xywh"
    if text == "xyxy":
        return "xyxy"
    raise stated.refuse("unknown_bbox_format", 'bbox_format is "xywh" (corner, width, height) or "xyxy" (two corners).')


def _to_sides(field: Field, box: tuple[float, ...], box_format: BoxFormat) -> Sides:
    """[x, y, w, h], rounded to hide the noise of subtraction."""
    left, top, third, fourth = box
    width, height = (third - left, fourth - top) if box_format == "xyxy" else (third, fourth)
    if width < 0 or height < 0:
        raise field.refuse("bad_box", "The box has a negative side; check its numbers and bbox_format.")
    return round(left, 3), round(top, 3), round(width, 3), round(height, 3)
