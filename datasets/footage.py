"""Videos of which frames were taken: how those frames are called, whoever cut them."""

import re
from typing import ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule

_NUMBER = re.compile(r"(?:frame|img|image)?[_-]?(\d{1,12})", re.IGNORECASE)
_VIDEO_AND_NUMBER = re.compile(r"(.+?)[_-](?:frame[_-]?)?(\d{4,12})", re.IGNORECASE)


class Footage(AbstractDataset):
    """A kind whose images are frames: `{ABBR}_IMG_{video}_{number}`, the number being the second it was taken at.

    A frame is known by `{video}/{number}.jpg`, with or without the word "frame" before its number, by
    `{video}_{number}.jpg` where the number has four digits or more, and by its id. Pairs relate to the other pairs of
    the video or clip.

    image_abbr: what the ids of frames begin with, where that is not `abbr`
    frame_digits: how many digits the number of a frame has at least
    """

    image_abbr: ClassVar[str] = ""
    frame_digits: ClassVar[int] = 4
    relation_rule: ClassVar[RelationRule] = "same_source"

    @classmethod
    def frame_ids_of(cls, video: str, seconds: range) -> tuple[str, ...]:
        """The ids of the frames of these seconds."""
        prefix, digits = cls.frame_prefix(video), cls.frame_digits
        return tuple(f"{prefix}{second:0{digits}d}" for second in seconds)

    @classmethod
    def frame_id_of(cls, video: str, number: int) -> str:
        """The id of a frame of a video; `number` counts its seconds from 0."""
        return f"{cls.frame_prefix(video)}{number:0{cls.frame_digits}d}"

    @classmethod
    def frame_prefix(cls, video: str) -> str:
        """What the ids of a video's frames begin with."""
        return f"{cls.image_abbr or cls.abbr}_IMG_{cls.name_video(video)}_"

    @classmethod
    def name_video(cls, video: str) -> str:
        """The name of a video within the ids of its frames."""
        return video

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """The id of an uploaded frame by the path of its file."""
        folder, _, name = file_name.rpartition("/")
        stem = name.rsplit(".", 1)[0]
        video = folder.rsplit("/", 1)[-1]
        if stem.startswith(f"{cls.image_abbr or cls.abbr}_IMG_"):
            return stem
        if video and (match := _NUMBER.fullmatch(stem)):
            return cls.frame_id_of(video, int(match.group(1)))
        if match := _VIDEO_AND_NUMBER.fullmatch(stem):
            return cls.frame_id_of(match.group(1), int(match.group(2)))
        return f"{cls.image_abbr or cls.abbr}_IMG_{stem}"
