"""FunQA: videos that surprise, with what happens in them and why that is funny, creative or magic."""

import re
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from datasets.abstract_dataset import check_query_input
from datasets.fields import Field
from datasets.footage import Footage
from datasets.funqa_records import Family, Part, VideoNotes, VideoShelf, tell_family, tell_part
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS, HouseRule
from datasets.markup import strip_markup
from datasets.picture_names import stem_of
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import FileFormat, read_records
from datasets.story_rules import QUOTES_TIMES, UNANSWERED_CHOICE

_SCORE = re.compile(r"(\d{1,2}(?:\.\d+)?)(?: ?/ ?20| (?:out )?of 20)?\W*")
_HIGHEST_SCORE = 20


class FunQA(Footage):
    """Videos of all three collections; the records of a video, wherever they stand in the file, are one item.

    A record's instruction says what its output is, in the wording of any release: what happens, why it surprises, a
    title, a score of creativity; or the moment at which it happens, which is passed over. At most three different
    texts of each are taken. A record whose instruction and task say neither is refused.
    """

    abbr = "FUNQA"
    title = "FunQA"
    file_format = (
        'json list [{"instruction": "Why is the video funny?", "visual_input": "H_A_101_1433_1631.mp4", '
        '"output": "…", "task"?: "H3", "ID"?: "…"}, …]; several records a video, in any order'
    )
    image_id_pattern = "FUNQA_IMG_H_A_101_1433_1631_0003; the annotations do not say how long a video is"
    picture_files: ClassVar[tuple[str, ...]] = ("H_A_101_1433_1631/0.jpg", "H_A_101_1433_1631_0000.jpg")
    prompt_file = "funqa.json"
    image_abbr = "FUNQA"
    family: ClassVar[Family | None] = None
    house_rules: ClassVar[tuple[HouseRule, ...]] = (
        MENTIONS_ANNOTATION,
        MENTIONS_TIMESTAMPS,
        QUOTES_TIMES,
        UNANSWERED_CHOICE,
    )

    def read_stream(self, stream: BinaryIO, file_format: FileFormat | None) -> Iterator[QueryInput | RecordError]:
        """First what is refused, as it is read, then the videos in the order of their first records."""
        shelf = VideoShelf()
        for record in read_records(stream, file_format, self.record_cap_bytes):
            if isinstance(record, RecordError):
                yield record
                continue
            try:
                self._shelve(shelf, record)
            except InvalidRecordError as refused:
                yield refused.error
        for video, notes in shelf.notes.items():
            yield from _present(video, notes)

    @classmethod
    def image_prefix(cls, source_id: str) -> str | None:
        """All frames of the video."""
        return cls.frame_prefix(source_id)

    def _shelve(self, shelf: VideoShelf, record: Record) -> None:
        root = Field.of(record)
        video = stem_of(root.member("visual_input").identifier())
        if not video:
            raise root.refuse("empty_id", "The name of the video is empty; name its file.", "visual_input")
        root = root.named(video)
        instruction = root.member("instruction")
        task = root.optional("task")
        code = task.text() if task is not None else ""
        part = tell_part(instruction.text(), code)
        if part is None:
            raise instruction.refuse(
                "unknown_instruction",
                'The instruction does not say what is asked for; give a "task" like H2 (description) or H3 (reason).',
            )
        family = tell_family(instruction.text(), code, video)
        if self.family is not None and family != self.family:
            raise root.refuse("other_family", f"The record is not about {self.family}; upload it as funqa.FunQA.")
        output = root.member("output")
        text = _read_output(output, part)
        if part != "moment":
            shelf.add(video, record.line, family, part, text)


class HumorQA(FunQA):
    """The funny videos of FunQA (tasks H1 to H4); records of the other collections are refused."""

    abbr = "HUMORQA"
    title = "FunQA: HumorQA"
    prompt_file = "funqa_humor.json"
    family = "humor"


class CreativeQA(FunQA):
    """The creative videos of FunQA (tasks C1 to C5); records of the other collections are refused."""

    abbr = "CREATIVEQA"
    title = "FunQA: CreativeQA"
    prompt_file = "funqa_creativity.json"
    family = "creativity"


class MagicQA(FunQA):
    """The magic tricks of FunQA (tasks M1 to M3); records of the other collections are refused."""

    abbr = "MAGICQA"
    title = "FunQA: MagicQA"
    prompt_file = "funqa_magic.json"
    family = "magic"


def _read_output(output: Field, part: Part) -> str:
    """The text of an output; a score is a number from 0 to 20, and a moment may be of any shape."""
    if part == "moment":
        return ""
    if part == "score":
        match = _SCORE.fullmatch(output.identifier() if not isinstance(output.value, float) else f"{output.value:g}")
        if match is None or not 0 <= float(match.group(1)) <= _HIGHEST_SCORE:
            raise output.refuse("bad_score", f"A score of creativity is a number from 0 to {_HIGHEST_SCORE}.")
        return match.group(1)
    text = strip_markup(output.text())
    if not text:
        raise output.refuse("empty_sentences", "The output is empty; without a text nothing can be asked.")
    return text


def _present(video: str, notes: VideoNotes) -> Iterator[QueryInput | RecordError]:
    record = Record(notes.line, video, None)
    try:
        text = notes.write()
        if not text:
            message = "Of this video neither a description nor a reason can be used; without one nothing can be asked."
            raise Field.of(record).refuse("empty_sentences", message)
        yield check_query_input(QueryInput(video, text), record)
    except InvalidRecordError as refused:
        yield refused.error
