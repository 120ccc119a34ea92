"""A process that decodes pictures, one after the other: `python -m app.pictures.clerk`, started by a desk."""

import os
import sys
from dataclasses import fields
from typing import Any

from app.pictures.confinement import allow_cpu, confine
from app.pictures.decoding import inspect_picture, shrink_to_jpeg, square_png
from app.pictures.values import PictureError, PictureLimits
from app.pictures.wire import Message, pack, read_message


def serve() -> None:
    """Answer requests from standard input on standard output until that ends."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not disturb the replies
    first = read_message(requests)
    if first is None:
        return
    limits = read_limits(first[0])
    confine(limits.memory_bytes)
    while (message := read_message(requests)) is not None:
        allow_cpu(limits.cpu_s)
        head, body = _answer(*message, limits)
        replies.write(pack(head, body))
        replies.flush()


def read_limits(head: dict[str, Any]) -> PictureLimits:
    """The limits as a desk sends them."""
    return PictureLimits(**{field.name: int(head[field.name]) for field in fields(PictureLimits)})


def describe_error(error: Exception) -> dict[str, Any]:
    """What a desk raises again."""
    if isinstance(error, PictureError):
        return {"error": error.code, "message": error.message}
    if isinstance(error, MemoryError):
        return {"error": "too_costly", "message": "The picture needs more memory than it may have; send a smaller one."}
    return {"error": "undecodable", "message": "The picture is broken and cannot be decoded; write it again."}


def _answer(order: dict[str, Any], data: bytes, limits: PictureLimits) -> Message:
    try:
        if order["task"] == "square_png":
            return {}, square_png(data, int(order["side"]), limits)
        if order["task"] == "shrink":
            return {}, shrink_to_jpeg(data, int(order["max_side"]), limits)
        picture = inspect_picture(data, limits)
    except Exception as error:  # hostile bytes: whatever a decoder raises is an answer
        return describe_error(error), b""
    head = {"media_type": picture.media_type, "width": picture.width, "height": picture.height}
    return {**head, "feature_bytes": len(picture.feature)}, picture.feature + picture.data


if __name__ == "__main__":
    serve()
