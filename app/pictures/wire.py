"""What a clerk and its desk say to each other over pipes: a head in JSON and a body of bytes, each with its length."""

import json
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct(">II")

Message = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def read_message(stream: BinaryIO) -> Message | None:
    """The next message; None where the other side has left."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head_bytes, body_bytes = LENGTHS.unpack(lengths)
    return json.loads(stream.read(head_bytes)), stream.read(body_bytes)
