"""Videos and stories: dense captions of events, captions of moments of TV series, and told photo albums."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule, check_query_input
from datasets.fields import Field
from datasets.footage import Footage
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS, NAMES_CHARACTERS, HouseRule
from datasets.picture_names import stem_of
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import FileFormat
from datasets.story_albums import MOST_PHOTOS, AlbumShelf, AlbumText
from datasets.story_records import list_annotations, read_album, read_photo, read_sentence, read_story_file
from datasets.story_rules import NEEDS_PIXELS, QUOTES_TIMES

MAX_SECONDS = 6 * 60 * 60

_SITCOM_WITHOUT_PREFIX = re.compile(r"s\d\de\d\d")
_PHOTO_NUMBER = re.compile(r"[0-9]{4,20}(?![0-9A-Za-z])")


class DenseCaptions(Footage):
    """Events of a video, each with its start and end, that may overlap."""

    abbr = "DC"
    title = "Dense Captions"
    file_format = (
        'json object {"v_x": {"duration": 82.7, "timestamps": [[0.8, 19.9], …], "sentences": ["…", …]}}, in seconds'
    )
    image_id_pattern = "DC_IMG_v_x_0000, a frame for each second"
    picture_files: ClassVar[tuple[str, ...]] = ("v_QOlSCBRmfWY/0.jpg", "v_QOlSCBRmfWY_0000.jpg")
    prompt_file = "dense_captions.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS, QUOTES_TIMES)

    def read_record(self, record: Record) -> QueryInput:
        """Rounded `timestamps` and the `sentences` of the events; events that end late are cut at the duration."""
        root = Field.of(record)
        source_id = record.key if record.key is not None else root.member("id").identifier()
        root = root.named(source_id)
        duration = root.member("duration").number(at_least=0, at_most=MAX_SECONDS)
        timestamps = [_read_event(event, duration) for event in root.member("timestamps").elements()]
        field = root.member("sentences")
        sentences = [sentence.text() for sentence in field.elements()]
        if len(sentences) != len(timestamps):
            raise field.refuse(
                "wrong_length",
                f"There are {len(timestamps)} timestamps but {len(sentences)} sentences; give both for each.",
            )
        if not any(sentences):
            raise field.refuse("empty_sentences", "The annotation is empty; without a text nothing can be asked.")
        text = f"timestamps: {json.dumps(timestamps)}\nsentences: {json.dumps(sentences, ensure_ascii=False)}"
        return QueryInput(source_id, text, self.frame_ids_of(source_id, range(max(1, math.ceil(duration)))))


class TVCaptions(Footage):
    """A moment of a clip of a TV series; clip names repeat, since a clip has several moments."""

    abbr = "TVC"
    title = "TV Captions"
    file_format = 'jsonl {"vid_name": "castle_s01e01_seg02_clip_00", "ts": [3.5, 9.1]?, "descs": [{"desc": "…"}, …]}'
    image_id_pattern = "TVC_IMG_castle_s01e01_seg02_clip_00_0003, a frame for each second of ts"
    picture_files: ClassVar[tuple[str, ...]] = ("castle_s01e01_seg02_clip_00/3.jpg", "s02e14_seg02_clip_02_0003.jpg")
    prompt_file = "tv_captions.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, NAMES_CHARACTERS)
    filters: ClassVar[Mapping[str, str]] = {"exact_time": "flag"}

    def read_record(self, record: Record) -> QueryInput:
        """The descriptions, numbered from 1."""
        root = Field.of(record)
        source_id = root.member("vid_name").identifier()
        root = root.named(source_id)
        descriptions = root.member("descs")
        texts = [text for text in (item.member("desc").text() for item in descriptions.elements()) if text]
        if not texts:
            raise descriptions.refuse(
                "empty_sentences", "The annotation is empty; without a text nothing can be asked."
            )
        sentences = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
        moment = root.optional("ts")
        seconds = _read_seconds(moment) if moment is not None else range(0)
        return QueryInput(source_id, sentences, self.frame_ids_of(source_id, seconds))

    @classmethod
    def name_video(cls, video: str) -> str:
        """The clips of one series come without its name: `s02e14_seg02_clip_02` is `bbt_s02e14_seg02_clip_02`."""
        return f"bbt_{video}" if _SITCOM_WITHOUT_PREFIX.match(video) else video

    @classmethod
    def image_prefix(cls, source_id: str) -> str | None:
        """A moment without `ts` may be anywhere in its clip."""
        return cls.frame_prefix(source_id)


class VisualStoryTelling(AbstractDataset):
    """Photo albums that people told stories about; an item is an album, all its stories together.

    Of its pictures those are taken that a story tells of, in the order of the stories. Each comes with its title, its
    tags and all that is said of it. A picture or an album that a story names and the file does not hold is no error:
    many were deleted where they came from, and their stories stay.
    """

    abbr = "VST"
    title = "Visual Story Telling (VIST)"
    file_format = (
        'json object {"images": [{"id", "album_id", "title", "tags"}, …], "albums": [{"id", "title", "description"}, '
        '…], "annotations": [[{"album_id", "photo_flickr_id", "story_id", "worker_arranged_photo_order", '
        '"original_text" or "text"}], …]} in any order, or the annotations alone as a json list or jsonl'
    )
    image_id_pattern = "VST_IMG_1741642, the number of the photo"
    picture_files: ClassVar[tuple[str, ...]] = ("1741642.jpg", "1741642_3fab_o.jpg")
    prompt_file = "visual_story_telling.json"
    relation_rule: ClassVar[RelationRule] = "same_source"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, NEEDS_PIXELS)

    def read_stream(self, stream: BinaryIO, file_format: FileFormat | None) -> Iterator[QueryInput | RecordError]:
        """First what is refused, as it is read, then the albums."""
        shelf = AlbumShelf()
        for section, record in read_story_file(stream, file_format, self.record_cap_bytes):
            if isinstance(record, RecordError):
                yield record
            else:
                yield from _shelve(shelf, section, record)
        for album in shelf.take_albums():
            yield _present(album)

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """A photo is known by its number, with or without what else its site puts into names: `1741642_3f_o.jpg`."""
        stem = stem_of(file_name)
        match = _PHOTO_NUMBER.match(stem)
        return stem if stem.startswith("VST_IMG_") else f"VST_IMG_{match.group() if match else stem}"


def _shelve(shelf: AlbumShelf, section: str, record: Record) -> Iterator[RecordError]:
    """Put what a record holds on the shelf; what of it is refused comes back."""
    try:
        if section == "images":
            read_photo(shelf, Field.of(record))
        elif section == "albums":
            read_album(shelf, Field.of(record))
        else:
            for annotation in list_annotations(Field.of(record)):
                try:
                    read_sentence(shelf, annotation)
                except InvalidRecordError as refused:
                    yield refused.error
    except InvalidRecordError as refused:
        yield refused.error


def _present(album: AlbumText) -> QueryInput | RecordError:
    record = Record(album.line, album.album_id, None)
    try:
        if len(album.photo_ids) > MOST_PHOTOS:
            raise Field.of(record).refuse("too_many_images", f"An album has at most {MOST_PHOTOS} told pictures.")
        images = tuple(f"VST_IMG_{photo}" for photo in album.photo_ids)
        return check_query_input(QueryInput(album.album_id, album.text, images), record)
    except InvalidRecordError as refused:
        return refused.error


def _read_event(event: Field, duration: float) -> list[int]:
    start, end = event.numbers(2)
    if not 0 <= start <= end:
        raise event.refuse("bad_timestamp", "An event starts at 0 or later and ends after its start, in seconds.")
    return [round(min(start, duration)), round(min(end, duration))]


def _read_seconds(moment: Field) -> range:
    start, end = moment.numbers(2)
    if not 0 <= start <= end <= MAX_SECONDS:
        raise moment.refuse("bad_timestamp", "A moment starts at 0 or later and ends after its start, in seconds.")
    return range(math.floor(start), max(math.floor(start) + 1, math.ceil(end)))
