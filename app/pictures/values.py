"""What is known of a picture, what may be wrong with one, and what decoding it may cost."""

from dataclasses import dataclass
from typing import Literal

MediaType = Literal["image/png", "image/jpeg", "image/webp"]

SUFFIXES: dict[str, str] = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept.

    data: the file without metadata: JPEG, PNG and WebP with their own coding, everything else as PNG of the same pixels
    media_type: of `data`; width, height: in pixels, as it is looked at (turned as its EXIF orientation says)
    feature: `app.pipeline.image_features` of it
    """

    data: bytes
    media_type: str
    width: int
    height: int
    feature: bytes


class PictureError(Exception):
    """A picture or video that is not taken: `code` for programs, the message for people, with a way to mend it.

    Codes: `unknown_format`, `undecodable`, `truncated`, `too_many_pixels`, `too_many_bytes`, `too_costly`,
    `unsupported_pixels`, `no_frames`, `corrupt_frame`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What one process may use for one picture or video.

    processes: how many decode at once; picture_bytes, pixels: most of one picture or frame
    memory_bytes: address space of a process; cpu_s: for a picture; video_cpu_s: for a whole video
    """

    processes: int = 2
    picture_bytes: int = 64 * 2**20
    pixels: int = 25_000_000
    memory_bytes: int = 2**30
    cpu_s: int = 20
    video_cpu_s: int = 1800


@dataclass(frozen=True, slots=True)
class CutPlan:
    """Which frames of a video: so many per second from its start on, or so many spread over the whole of it.

    fps is not used where `frames` is given; most_frames: of one video, whatever is asked for.
    """

    fps: float = 1.0
    frames: int | None = None
    most_frames: int = 20_000


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a video, counted from 0: its picture, or why it has none; `seconds` is when it is first seen."""

    number: int
    seconds: float
    picture: Picture | None
    error: PictureError | None


@dataclass(frozen=True, slots=True)
class CutEnd:
    """How the cutting of a video ended.

    seconds: of what could be decoded; declared_seconds: of what the file promises; decode_errors: packets that
    could not be decoded; is_cut_off: much less was there than promised; is_capped: `most_frames` was reached
    """

    seconds: float
    declared_seconds: float | None
    decode_errors: int
    is_cut_off: bool
    is_capped: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a parquet: an image id with its base64, or why it has none."""

    name: str
    text: bytes
    error: PictureError | None
