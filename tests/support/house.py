"""The whole house on one machine: the service behind a real server, a worker, and an endpoint that answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from app.main import create_app
from tests.api.service import serve
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import FINAL, settings_for, working
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class House:
    """A client of the service, and the endpoint that its worker asks."""

    client: httpx2.AsyncClient
    endpoint: Endpoint

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def finish(self, path: str) -> dict[str, Any]:
        """The job or export at a path, once nothing more will happen to it."""

        async def is_final() -> bool:
            return (await self.get(path))["state"] in FINAL

        await wait_until(is_final, f"the end of {path}", timeout_s=60)
        return await self.get(path)


@asynccontextmanager
async def open_house(database_url: str, redis_url: str, home: Path) -> AsyncIterator[House]:
    """A service with one worker and an endpoint that makes three pairs an item."""
    async with running_endpoint(pairs=3) as endpoint:
        settings = settings_for(database_url, redis_url, endpoint.url, home)
        async with (
            serve(create_app(settings)) as url,
            working(settings),
            httpx2.AsyncClient(base_url=f"{url}/v1", timeout=60) as client,
        ):
            yield House(client, endpoint)
