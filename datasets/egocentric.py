"""Videos that people recorded with a camera on their heads, narrated moment by moment."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from datasets.abstract_dataset import check_query_input
from datasets.fields import Field
from datasets.footage import Footage
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS, HouseRule
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.story_rules import ANSWERS_TO_YOU, ASKS_AS_MYSELF, NAMES_THE_WEARER, QUOTES_TIMES

MAX_SECONDS = 24 * 60 * 60
MAX_CLIP_SECONDS = 60 * 60


class Ego4D(Footage):
    """Clips of videos through somebody's own eyes; each is an item, called `{video}_{place of the clip from 0}`.

    The narrations stand in the order of the file. The first one of a second says its time and the objects at hand;
    those that follow within the same second of the video, in this clip or a later one, say only what happens. A
    narration that cannot be used is refused by itself.
    """

    abbr = "E4D"
    title = "Egocentric videos (Ego4D)"
    file_format = (
        'json object {"video_uid": {"clips": [{"narrations": [{"time": 12.4, "text": "#C C opens a drawer", '
        '"object_description": ["a white drawer", …]?}, …]}, …]}}, in seconds of the video'
    )
    image_id_pattern = "E4D_IMG_video_uid_00000012, a frame for each second from the first narration to the last"
    picture_files: ClassVar[tuple[str, ...]] = ("video_uid/3.jpg", "video_uid_00000003.jpg")
    prompt_file = "ego4d.json"
    frame_digits = 8
    filters: ClassVar[Mapping[str, str]] = {"answers_as_itself": "off"}  # "I" asks, and may be answered so
    fewest_pairs = 6
    record_cap_bytes = 16 * 1024 * 1024
    house_rules: ClassVar[tuple[HouseRule, ...]] = (
        MENTIONS_ANNOTATION,
        MENTIONS_TIMESTAMPS,
        QUOTES_TIMES,
        NAMES_THE_WEARER,
        ASKS_AS_MYSELF,
        ANSWERS_TO_YOU,
    )

    def read_items(self, record: Record) -> Iterator[QueryInput | RecordError]:
        """The clips of a video."""
        used: set[int] = set()
        try:
            root = Field.of(record)
            video = record.key if record.key is not None else root.member("id").identifier()
            clips = list(root.named(video).member("clips").elements())
            if not clips:
                raise root.named(video).refuse(
                    "empty_sentences", "The video has no clip; nothing can be asked.", "clips"
                )
        except InvalidRecordError as refused:
            yield refused.error
            return
        for number, clip in enumerate(clips):
            yield from self._read_clip(clip.named(f"{video}_{number}"), video, used, record)

    def _read_clip(self, clip: Field, video: str, used: set[int], record: Record) -> Iterator[QueryInput | RecordError]:
        lines: list[str] = []
        seconds: list[int] = []
        refused: list[RecordError] = []
        try:
            narrations = clip.member("narrations")
            for narration in narrations.elements():
                try:
                    second, text, objects = _read_narration(narration)
                except InvalidRecordError as error:
                    refused.append(error.error)
                    continue
                lines += _write_narration(second, text, objects, is_new=second not in used)
                used.add(second)
                seconds.append(second)
            yield from refused
            if lines:
                if max(seconds) - min(seconds) > MAX_CLIP_SECONDS:
                    raise narrations.refuse("too_long", f"A clip lasts {MAX_CLIP_SECONDS} seconds at most; cut it up.")
                frames = self.frame_ids_of(video, range(min(seconds), max(seconds) + 1))
                yield check_query_input(QueryInput(str(clip.source_id), "\n".join(lines), frames), record)
            elif not refused:
                raise narrations.refuse("empty_sentences", "The clip has no narration; nothing can be asked.")
        except InvalidRecordError as error:
            yield error.error


def _read_narration(narration: Field) -> tuple[int, str, str]:
    """Its second, its text, and the objects in one line."""
    second = int(narration.member("time").number(at_least=0, at_most=MAX_SECONDS))
    text = narration.member("text")
    description = " ".join(text.text().split())
    if not description:
        raise text.refuse("empty_sentences", "The narration is empty; write what happens or leave it out.")
    objects = narration.optional("object_description")
    return second, description, "; ".join(objects.texts()) if objects is not None else ""


def _write_narration(second: int, description: str, objects: str, *, is_new: bool) -> list[str]:
    if not is_new:
        return [f"description: {description}"]
    lines = [f"timestamp: {second}", f"description: {description}"]
    return [*lines, f"objects: {objects}"] if objects else lines
