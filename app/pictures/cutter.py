"""A process that cuts one video into frames: `python -m app.pictures.cutter`, started by a desk.

It is handed the video as an open file and knows no other: of the formats only the one that the first bytes tell is
tried, and no protocol may be opened from inside a file.
"""

import os
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.error
from PIL import Image

from app.pictures.clerk import describe_error, read_limits
from app.pictures.confinement import allow_cpu, confine
from app.pictures.decoding import check_size, make_image_feature, write_jpeg
from app.pictures.values import PictureError, PictureLimits
from app.pictures.wire import Message, pack, read_message

_OPTIONS = {"protocol_whitelist": "", "enable_drefs": "0"}
_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
_ERRORS_CAP = 1000
_SLACK_S = 1e-4
_CUT_OFF_S = 1.0
_CUT_OFF_SHARE = 0.05


def serve() -> None:
    """Read one order, write a message for each frame and a last one that says how it ended."""
    order = read_message(sys.stdin.buffer)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if order is None:
        return
    head = order[0]
    limits = read_limits(head["limits"])
    confine(limits.memory_bytes)
    allow_cpu(limits.video_cpu_s)
    try:
        with os.fdopen(int(head["fd"]), "rb") as file:
            for message in _Cut(head, limits).run(file):
                replies.write(pack(*message))
                replies.flush()
    except BrokenPipeError:  # the desk wants no more
        return
    except Exception as error:  # hostile bytes: whatever a decoder raises is an answer
        replies.write(pack(describe_error(error)))
    replies.flush()


@dataclass(slots=True)
class _Shown:
    """A frame and the seconds from the start between which it is seen."""

    frame: Any
    start_s: float
    end_s: float


class _Cut:
    """One video on its way through: the frame that is seen at each wanted moment."""

    def __init__(self, order: dict[str, Any], limits: PictureLimits) -> None:
        self._order = order
        self._limits = limits
        self._errors = 0
        self._number = 0
        self._most = int(order["most_frames"])
        self._last: tuple[_Shown, Message] | None = None

    def run(self, file: Any) -> Iterator[Message]:
        """The frames in order: {number, seconds, media_type, width, height, feature_bytes}, or {number, error}."""
        try:
            container = av.open(file, format=self._order["demuxer"], options=_OPTIONS, metadata_errors="ignore")
        except (av.error.FFmpegError, ValueError) as error:
            raise PictureError("undecodable", "The video is broken or cut off, and cannot be opened.") from error
        with container:
            stream = next((stream for stream in container.streams.video if stream.codec_context is not None), None)
            if stream is None:
                raise PictureError("no_frames", "The file has no video in it that can be decoded.")
            stream.codec_context.thread_count = 1
            if stream.codec_context.width:
                check_size(stream.codec_context.width, stream.codec_context.height, self._limits)
            declared_s = _read_duration(container, stream)
            if self._order.get("frames") and declared_s is None:
                declared_s = _measure_duration(container, stream)
            end_s = yield from self._pick(self._decode(container, stream), declared_s)
        if self._number == 0 and end_s == 0.0:
            raise PictureError("no_frames", "No frame of the video can be decoded.")
        is_cut = declared_s is not None and declared_s - end_s > max(_CUT_OFF_S, _CUT_OFF_SHARE * declared_s)
        yield (
            {
                "end": True,
                "seconds": round(end_s, 3),
                "declared_seconds": None if declared_s is None else round(declared_s, 3),
                "decode_errors": self._errors,
                "is_cut_off": is_cut,
                "is_capped": self._number >= self._most,
            },
            b"",
        )

    def _pick(self, shown: Iterator[_Shown], declared_s: float | None) -> Generator[Message, None, float]:
        """The wanted frames; returns the second at which the last one ends."""
        end_s = 0.0
        last: _Shown | None = None
        for last in shown:
            end_s = max(end_s, last.end_s)
            while self._number < self._most and (moment := self._moment(declared_s)) is not None:
                if moment >= last.end_s - _SLACK_S:
                    break
                yield self._show(last)
            if self._number >= self._most:
                break
        is_near = declared_s is not None and declared_s - end_s <= max(_CUT_OFF_S, _CUT_OFF_SHARE * declared_s)
        while last is not None and self._order.get("frames") and is_near and self._moment(declared_s) is not None:
            yield self._show(last)  # the declared end lies a little behind the last frame
        return end_s

    def _moment(self, declared_s: float | None) -> float | None:
        """The second the next frame is wanted at; None when all are there."""
        frames = self._order.get("frames")
        if frames:
            return None if self._number >= frames or declared_s is None else (self._number + 0.5) * declared_s / frames
        return self._number / float(self._order["fps"])

    def _show(self, shown: _Shown) -> Message:
        number, self._number = self._number, self._number + 1
        head: dict[str, Any] = {"number": number, "seconds": round(shown.start_s, 3)}
        if self._last is not None and self._last[0] is shown:
            return {**self._last[1][0], **head}, self._last[1][1]
        frame = shown.frame
        try:
            check_size(frame.width, frame.height, self._limits)
            if frame.is_corrupt:
                raise PictureError("corrupt_frame", "The frame is damaged: what it builds on could not be decoded.")
            message = _encode(frame)
        except (av.error.FFmpegError, ValueError):
            message = {"error": "corrupt_frame", "message": "The frame cannot be turned into a picture."}, b""
        except PictureError as error:
            message = describe_error(error), b""
        self._last = (shown, message)
        return {**message[0], **head}, message[1]

    def _decode(self, container: Any, stream: Any) -> Iterator[_Shown]:
        """Every frame that can be decoded, with when it is seen; it needs to know when the next one begins."""
        step_s = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
        origin_s: float | None = None
        held: _Shown | None = None
        for frame in self._decode_frames(container, stream):
            time_s = float(frame.time) if frame.time is not None else (held.end_s + (origin_s or 0.0) if held else 0.0)
            origin_s = time_s if origin_s is None else origin_s
            start_s = time_s - origin_s
            if held is not None:
                if start_s <= held.start_s:
                    continue
                held.end_s = start_s
                yield held
            held = _Shown(frame, start_s, start_s + step_s)
        if held is not None:
            yield held

    def _decode_frames(self, container: Any, stream: Any) -> Iterator[Any]:
        packets = container.demux(stream)
        while self._errors < _ERRORS_CAP:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, ValueError):
                self._errors += 1


def _encode(frame: Any) -> Message:
    image = frame.to_image()
    turn = _TURNS.get(round(frame.rotation) % 360)
    if turn is not None:
        image = image.transpose(turn)
    feature = make_image_feature(image)
    size = {"width": image.width, "height": image.height}
    return {"media_type": "image/jpeg", **size, "feature_bytes": len(feature)}, feature + write_jpeg(image)


def _read_duration(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _measure_duration(container: Any, stream: Any) -> float | None:
    """From the packets, undecoded, where the file does not say how long it is."""
    first = last = None
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last or packet.pts, packet.pts + (packet.duration or 0))
    except av.error.FFmpegError:
        pass
    container.seek(0)
    return None if first is None or last is None else float((last - first) * stream.time_base)


if __name__ == "__main__":
    serve()
