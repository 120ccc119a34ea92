"""The contract of a dataset kind: how a file of annotations becomes query inputs, and what its pairs must obey.

Two ways to write a kind. The short one keeps what dataset files have always had: `_load_query_inputs(path)` returns
(or yields) dicts with `id` and `sentences`. The streaming one implements `read_record(record)`: the file is then read
record by record in bounded memory, and a bad record is reported with its line and pointer.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from datasets.fields import Field
from datasets.house_rules import HouseRule
from datasets.prompts import load_prompt_file
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import RECORD_CAP_BYTES, FileFormat, read_records

RelationRule = Literal["none", "same_images", "same_source", "earlier_rounds", "similar_texts", "similar_images"]
TrainRule = Literal["empty", "related", "first_two", "last_round"]

MAX_ID_LENGTH = 512

_SURROGATE = re.compile("[\ud800-\udfff]")

_deferred: ContextVar[bool] = ContextVar("deferred", default=False)


class AbstractDataset:
    """A kind of dataset; an instance with paths holds a prompt and its query inputs, loaded at once.

    abbr: what the ids of pairs and images begin with, e.g. `SD`
    file_format: the shape of the annotation file, for people
    image_id_pattern: the shape of image ids, for people
    picture_files: names under which pictures of this kind are published, for people; see `image_id_of`
    house_rules: what pairs of this kind must not do
    filters: what general rules of the filter do to them (reject, flag, repair, off), where it is not the default
    relation_rule: which pairs relate to a pair: `none`, those of the `same_images` or of the `same_source` id (a
        clip, an album), `earlier_rounds` of the conversation, or those of `similar_texts` or `similar_images`
    train_rule: what XX_train.json holds: `empty` lists, the `related` ids, the `first_two` of them, or the
        `last_round` only with its last two earlier rounds
    reply_grammar: how a reply is written and read: `pairs`, a list of questions, each with its answer, or
        `conversations`, several of them, each with a title, a reason and rounds that stand on one another
    conversations, rounds: how many a reply of that grammar has, 0 where their number is left to the model
    fewest_pairs: how many pairs a reply is to hold; one that brings fewer keeps them, and that is noted
    most_pairs: how many good pairs of a reply are kept, in their order; None keeps all
    record_cap_bytes: the size of the largest record that is read
    """

    abbr: ClassVar[str] = ""
    title: ClassVar[str] = ""
    file_format: ClassVar[str] = ""
    image_id_pattern: ClassVar[str] = ""
    picture_files: ClassVar[tuple[str, ...]] = ()
    prompt_file: ClassVar[str] = ""
    house_rules: ClassVar[tuple[HouseRule, ...]] = ()
    filters: ClassVar[Mapping[str, str]] = {}
    relation_rule: ClassVar[RelationRule] = "same_images"
    train_rule: ClassVar[TrainRule] = "related"
    reply_grammar: ClassVar[str] = "pairs"
    conversations: ClassVar[int] = 0
    rounds: ClassVar[int] = 0
    fewest_pairs: ClassVar[int] = 1
    most_pairs: ClassVar[int | None] = None
    record_cap_bytes: ClassVar[int] = RECORD_CAP_BYTES

    prompt: Any
    query_inputs: Any

    def __init__(
        self, name: str | None = None, prompt_path: str | None = None, query_inputs_path: str | None = None
    ) -> None:
        self.name = name or type(self).__name__
        self.prompt_path = prompt_path
        self.query_inputs_path = query_inputs_path
        if _deferred.get():
            return
        if prompt_path is not None:
            self.prompt = self._choose_prompt_loader()(prompt_path)
        if query_inputs_path is not None:
            self.query_inputs = self._load_query_inputs(query_inputs_path)

    def __getattr__(self, attribute: str) -> Any:
        """Load what a deferred construction left out, the first time it is asked for."""
        paths = self.__dict__
        if attribute == "prompt" and paths.get("prompt_path") is not None:
            self.prompt = self._choose_prompt_loader()(paths["prompt_path"])
            return self.prompt
        if attribute == "query_inputs" and paths.get("query_inputs_path") is not None:
            self.query_inputs = self._load_query_inputs(paths["query_inputs_path"])
            return self.query_inputs
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    def __len__(self) -> int:
        return len(self.query_inputs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._show(self.query_inputs[index])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for query_input in self.query_inputs:
            yield self._show(query_input)

    def __str__(self) -> str:
        return f"{self.name} dataset"

    def _load_prompt(self, path: str) -> Any:
        """The prompt of a file: {"system_message", "in_context"}; may be overridden."""
        return load_prompt_file(path)

    def _load_prefix(self, path: str) -> Any:
        """The older name of `_load_prompt`; may be overridden as well."""
        return AbstractDataset._load_prompt(self, path)

    def _load_query_inputs(self, path: str) -> Iterable[Any]:
        """All query inputs as dicts with `id`, `sentences` and `image_ids`; the first bad record raises."""
        return [_raise_or_show(outcome) for outcome in self.iter_query_inputs(path)]

    def read_record(self, record: Record) -> QueryInput | Mapping[str, object]:
        """One record of the file as a query input; raises InvalidRecordError."""
        raise NotImplementedError(f"{type(self).__name__} needs read_record or _load_query_inputs")

    def read_items(self, record: Record) -> Iterator[QueryInput | RecordError]:
        """Every query input of a record, refused ones as RecordError: that of `read_record`, unless overridden."""
        try:
            yield check_query_input(self.read_record(record), record)
        except InvalidRecordError as refused:
            yield refused.error

    def read_stream(self, stream: BinaryIO, file_format: FileFormat | None) -> Iterator[QueryInput | RecordError]:
        """Every query input of an open file, record by record unless overridden; raises FileFormatError."""
        for record in read_records(stream, file_format, self.record_cap_bytes):
            if isinstance(record, RecordError):
                yield record
            else:
                yield from self.read_items(record)

    def iter_query_inputs(
        self,
        source: str | Path | BinaryIO,
        format: FileFormat | None = None,  # noqa: A002 - the word of the API
    ) -> Iterator[QueryInput | RecordError]:
        """Stream the query inputs of a path or an open binary file; raises FileFormatError."""
        if isinstance(source, str | Path):
            with Path(source).open("rb") as stream:
                yield from self.read_stream(stream, format)
        else:
            yield from self.read_stream(source, format)

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """The published id of a pair.

        serial counts an export's pairs from 1; ordinal an item's pairs, conversation its conversations and
        round_number the pairs of that conversation, each from 0.
        """
        return f"{cls.abbr}_INS_{serial:05d}"

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """The id of an uploaded picture by the name of its file: the name itself where it is an id already.

        A class without `abbr` gives its `image_ids` as it likes; a file's name without suffix is the id then. None
        stands for a file that is published beside the pictures and is none of them.
        """
        stem = file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        return stem if not cls.abbr or stem.startswith(f"{cls.abbr}_IMG_") else f"{cls.abbr}_IMG_{stem}"

    @classmethod
    def frame_id_of(cls, video: str, number: int) -> str:
        """The id of a frame cut from an uploaded video; `video` is its file name without suffix, `number` from 0."""
        return f"{cls.abbr}_IMG_{video}_{number:04d}"

    @classmethod
    def image_prefix(cls, source_id: str) -> str | None:
        """What the ids of an item's images begin with where its annotation cannot list them; None where it does."""
        return None

    def _choose_prompt_loader(self) -> Callable[[str], Any]:
        cls = type(self)
        if cls._load_prompt is AbstractDataset._load_prompt and cls._load_prefix is not AbstractDataset._load_prefix:
            return self._load_prefix
        return self._load_prompt

    def _show(self, query_input: Any) -> dict[str, Any]:
        return {
            "system_messages": self.prompt["system_message"],
            "in_context": self.prompt["in_context"],
            "query_input": query_input,
        }


@contextmanager
def deferred_loading() -> Iterator[None]:
    """While it lasts, constructors note their paths and load a file when `prompt` or `query_inputs` is first read."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


def check_query_input(value: object, record: Record) -> QueryInput:
    """A query input out of what a class gave for a record: {id, sentences, image_ids?} or a QueryInput.

    Raises InvalidRecordError for texts that are missing, blank, too long for an id, or not storable.
    """
    if isinstance(value, QueryInput):
        if _is_plainly_fine(value):
            return replace(value, line=record.line)
        value = {"id": value.id, "sentences": value.sentences, "image_ids": list(value.image_ids)}
    members = dict(value) if isinstance(value, Mapping) else value
    root = Field.of(Record(record.line, record.key, members, record.pointer))
    identifier = _check_id(root.member("id"))
    root = root.named(identifier)
    sentences = root.member("sentences")
    text = sentences.text_or_texts()
    if not text:
        raise sentences.refuse("empty_sentences", "The annotation is empty; without a text nothing can be asked.")
    _check_storable(sentences, text)
    images = root.optional("image_ids")
    image_ids = tuple(_check_id(image) for image in images.elements()) if images is not None else ()
    return QueryInput(identifier, text, image_ids, record.line)


def _is_plainly_fine(query_input: QueryInput) -> bool:
    """Whether all texts can be taken as they are, found out in few steps: a video has an image for each second."""
    texts = "\n".join((query_input.id, query_input.sentences, *query_input.image_ids))
    return (
        0 < len(query_input.id) <= MAX_ID_LENGTH
        and max(map(len, query_input.image_ids), default=1) <= MAX_ID_LENGTH
        and bool(query_input.sentences.strip())
        and all(query_input.image_ids)
        and "\x00" not in texts
        and not _SURROGATE.search(texts)
    )


def _check_id(field: Field) -> str:
    identifier = field.identifier()
    if len(identifier) > MAX_ID_LENGTH:
        raise field.refuse("id_too_long", f"An id has at most {MAX_ID_LENGTH} characters.")
    _check_storable(field, identifier)
    return identifier


def _check_storable(field: Field, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise field.refuse("lone_surrogate", "A text holds half a surrogate pair; write the whole character.") from None
    if "\x00" in text:
        raise field.refuse("nul_character", "A text holds U+0000, which no table stores; remove it.")


def _raise_or_show(outcome: QueryInput | RecordError) -> dict[str, object]:
    if isinstance(outcome, RecordError):
        raise InvalidRecordError(outcome)
    return {"id": outcome.id, "sentences": outcome.sentences, "image_ids": list(outcome.image_ids)}
