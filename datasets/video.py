"""Videos: dense captions of events, and captions of moments of TV series."""

import json
import math
import re
from typing import ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule
from datasets.fields import Field
from datasets.house_rules import MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS, NAMES_CHARACTERS, HouseRule
from datasets.record_values import QueryInput, Record

MAX_SECONDS = 6 * 60 * 60

_SITCOM_WITHOUT_PREFIX = re.compile(r"s\d\de\d\d")


class DenseCaptions(AbstractDataset):
    """Events of a video, each with its start and end, that may overlap."""

    abbr = "DC"
    title = "Dense Captions"
    file_format = (
        'json object {"v_x": {"duration": 82.7, "timestamps": [[0.8, 19.9], …], "sentences": ["…", …]}}, in seconds'
    )
    image_id_pattern = "DC_IMG_v_x_0000, a frame for each second"
    prompt_file = "dense_captions.json"
    relation_rule: ClassVar[RelationRule] = "same_source"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, MENTIONS_TIMESTAMPS)

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
        frames = max(1, math.ceil(duration))
        return QueryInput(source_id, text, tuple(f"DC_IMG_{source_id}_{second:04d}" for second in range(frames)))


class TVCaptions(AbstractDataset):
    """A moment of a clip of a TV series; clip names repeat, since a clip has several moments."""

    abbr = "TVC"
    title = "TV Captions"
    file_format = 'jsonl {"vid_name": "castle_s01e01_seg02_clip_00", "ts": [3.5, 9.1]?, "descs": [{"desc": "…"}, …]}'
    image_id_pattern = "TVC_IMG_castle_s01e01_seg02_clip_00_0003, a frame for each second of ts"
    prompt_file = "tv_captions.json"
    relation_rule: ClassVar[RelationRule] = "same_source"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, NAMES_CHARACTERS)

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
        clip = f"bbt_{source_id}" if _SITCOM_WITHOUT_PREFIX.match(source_id) else source_id
        seconds = _read_seconds(moment) if moment is not None else range(0)
        return QueryInput(source_id, sentences, tuple(f"TVC_IMG_{clip}_{second:04d}" for second in seconds))


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
