"""What the demo asks of the service, by the public HTTP API only."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from app.demo.service import DemoError

Body = dict[str, Any]

_TIMEOUT_S = 60.0
_CHUNK_BYTES = 1 << 16


class Client:
    """Every method is one request; a refusal of the service becomes a DemoError in the service's own words."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def get(self, path: str, **query: str | int) -> Body:
        return await self._ask("GET", path, params=query)

    async def wait(self, path: str, seconds: int) -> Body:
        """A resource as soon as its state changes, or after the wait."""
        return await self._ask("GET", path, headers={"Prefer": f"wait={seconds}"})

    async def post(self, path: str, body: Body) -> Body:
        return await self._ask("POST", path, json=body)

    async def upload(self, file: Path, name: str, kind: str) -> Body:
        """What `curl -T` does."""
        with file.open("rb") as content:
            return await self._ask("PUT", "datasets", params={"name": name, "kind": kind}, data=content)

    async def download(self, url: str, target: Path, sha256: str) -> None:
        """A file of an export, checked against its sha256."""
        digest = hashlib.sha256()
        async with self._http.get(url) as answer:
            if answer.status != 200:
                raise DemoError(f"GET {url} answered {answer.status}.")
            with target.open("wb") as file:
                async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
        if digest.hexdigest() != sha256:
            raise DemoError(f"{target.name} did not arrive as it was sent.")

    async def list_all(self, path: str, **query: str | int) -> list[Body]:
        """All pages of a list."""
        found: list[Body] = []
        page = await self.get(path, limit=1000, **query)
        found += page["data"]
        while page["has_more"]:
            page = await self.get(path, limit=1000, cursor=page["next_cursor"], **query)
            found += page["data"]
        return found

    async def _ask(self, method: str, path: str, **options: Any) -> Body:
        try:
            async with self._http.request(method, f"/v1/{path}", **options) as answer:
                body: Body = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DemoError(f"{method} /v1/{path} failed: {error or type(error).__name__}") from error
        if answer.status >= 400:
            faults = "; ".join(fault["message"] for fault in body.get("errors", []))
            raise DemoError(f"{method} /v1/{path} answered {answer.status}: {body.get('detail')} {faults}")
        return body


@asynccontextmanager
async def open_client(base_url: str) -> AsyncIterator[Client]:
    """A client of the service at `http://host:port`."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(base_url, timeout=timeout, raise_for_status=False) as http:
        yield Client(http)
