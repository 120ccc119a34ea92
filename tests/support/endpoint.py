"""A loopback endpoint that completes chats and embeds texts, keeps a bill and misbehaves on demand.

It is a process of its own: `python -m tests.support.endpoint --port 0` prints its URL. A request is *accepted*,
and billed, once it is wholly read and no limit or fault refuses it; it is *answered* once the reply is written.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
import uvloop

from tests.support.behaviour import Mode
from tests.support.bill import State
from tests.support.connection import Connection


async def serve(mode: Mode, port: int, *, ends_with_stdin: bool) -> None:
    """Listen on loopback and print the URL; end at SIGTERM, or when the parent's pipe closes."""
    loop = asyncio.get_running_loop()
    state = State(mode)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=4096)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    if ends_with_stdin:
        await loop.run_in_executor(None, sys.stdin.buffer.read)
    else:
        await server.serve_forever()


def main() -> None:
    """The command line; `--mode` takes the knobs of Mode as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", default="{}", help="JSON with the knobs of Mode")
    parser.add_argument("--ends-with-stdin", action="store_true")
    options = parser.parse_args()
    mode = msgspec.json.decode(options.mode, type=Mode)
    uvloop.run(serve(mode, options.port, ends_with_stdin=options.ends_with_stdin))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint as a test sees it."""

    url: str
    pid: int

    async def stats(self) -> dict[str, Any]:
        """The bill; see Bill."""
        return cast("dict[str, Any]", await self._ask("GET", "stats"))

    async def keys(self) -> dict[str, int]:
        """How often each distinct user content was paid for."""
        return cast("dict[str, int]", await self._ask("GET", "keys"))

    async def set_mode(self, **changes: Any) -> None:
        """Change the named knobs of Mode, keep the others."""
        await self._ask("POST", "mode", orjson.dumps(changes))

    async def reset(self) -> None:
        """Start the bill and the quotas afresh."""
        await self._ask("POST", "reset")

    async def _ask(self, method: str, name: str, body: bytes = b"") -> object:
        host, _, port = self.url.split("/")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"{method} /_control/{name} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(size))
        finally:
            writer.close()
            await writer.wait_closed()
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"the endpoint refused {name}: {answer}")
        return cast("object", answer)


@asynccontextmanager
async def running_endpoint(*, port: int = 0, **mode: Any) -> AsyncIterator[Endpoint]:
    """A fresh endpoint in its own process, gone at the end of the block or of this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.endpoint", "--ends-with-stdin", "--port", str(port)),
        *("--mode", orjson.dumps(mode).decode()),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError("the loopback endpoint did not start")
        yield Endpoint(url, process.pid)
    finally:
        process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    main()
