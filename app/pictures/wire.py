"""What a clerk and its desk say to each other over pipes: a head in JSON and a body of bytes, each with its length."""

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")
BODY_CAP_BYTES = 2**31

Message = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def read_message(stream: BinaryIO) -> Message | None:
    """The next message; None where the other side has left."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    return json.loads(stream.read(head_bytes)), stream.read(body_bytes)


async def receive(stream: asyncio.StreamReader) -> Message:
    """The next message; raises asyncio.IncompleteReadError where the other side has died."""
    head_bytes, body_bytes = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    head = json.loads(await stream.readexactly(head_bytes))
    return head, await stream.readexactly(body_bytes)
