"""A server that speaks S3, on loopback, in a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.support.waiting import wait_until

BUCKET = "syphus"


@contextmanager
def running_s3() -> Iterator[dict[str, str]]:
    """The variables under which an S3 client finds the server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "from moto.server import main; import sys; main(sys.argv[1:])"
    server = subprocess.Popen(
        [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.kill()
        server.wait()


async def make_bucket(url: str) -> None:
    """Wait until the server answers and make an empty bucket."""

    async def answers() -> bool:
        try:
            async with httpx2.AsyncClient() as client:
                await client.post(f"{url}/moto-api/reset")
                return (await client.put(f"{url}/{BUCKET}")).status_code == 200
        except httpx2.TransportError:
            return False

    await wait_until(answers, "the start of the S3 server")
