"""Plain items: annotations that are query inputs already and need no class of their own."""

from typing import ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule
from datasets.fields import Field
from datasets.house_rules import MENTIONS_ANNOTATION, HouseRule
from datasets.picture_names import stem_of
from datasets.record_values import QueryInput, Record


class PlainItems(AbstractDataset):
    """Items of `id`, `sentences` and, if the pairs are to carry pictures, `image_ids`."""

    abbr = "PLAIN"
    title = "Plain items"
    file_format = (
        'json list [{"id", "sentences", "image_ids"?}], json object {id: {"sentences", "image_ids"?}} or {id: text}, '
        "or jsonl of such records; sentences is a text or a list of texts"
    )
    image_id_pattern = "as given in image_ids"
    picture_files: ClassVar[tuple[str, ...]] = ("door_1.png",)
    prompt_file = "plain_items.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION,)
    relation_rule: ClassVar[RelationRule] = "same_images"

    def read_record(self, record: Record) -> QueryInput:
        """See `file_format`."""
        root = Field.of(record)
        if record.key is not None and isinstance(record.value, str | list):
            return QueryInput(record.key, root.text_or_texts())
        source_id = record.key if record.key is not None else root.member("id").identifier()
        root = root.named(source_id)
        images = root.optional("image_ids")
        image_ids = tuple(image.identifier() for image in images.elements()) if images is not None else ()
        return QueryInput(source_id, root.member("sentences").text_or_texts(), image_ids)

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """The name of the file without its suffix: items name their pictures as they like."""
        return stem_of(file_name)
