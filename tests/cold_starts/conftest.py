"""A house with a dataset of real annotations, and how a person goes through candidates."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest_asyncio

from tests.support.house import House, open_house

ITEMS = 40


@dataclass(frozen=True)
class Desk:
    """A person at work on the cold starts of one dataset."""

    house: House
    dataset_id: str

    async def begin(self, **more: Any) -> dict[str, Any]:
        wanted = {"dataset_id": self.dataset_id, "name": "yard", "items": ITEMS, "held_out": 10, "seed": 7}
        return await self.house.post("/cold-starts", {**wanted, **more})

    async def run_round(self, cold_start: dict[str, Any], **order: Any) -> dict[str, Any]:
        """The next round, once its job has ended."""
        made = await self.house.post(f"/cold-starts/{cold_start['id']}/generate", order)
        await self.house.finish(f"/jobs/{made['job_id']}")
        return made

    async def candidates(self, cold_start: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.house.get(f"/cold-starts/{cold_start['id']}/candidates?limit=1000{query}")
        )["data"]
        return found

    async def decide(self, candidate: dict[str, Any], status: str | None, **more: Any) -> httpx2.Response:
        return await self.house.client.patch(
            f"/candidates/{candidate['id']}",
            json={"status": status, **more},
            headers={"If-Match": f'"{candidate["etag"]}"'},
        )

    async def accept_one_a_cluster(self, cold_start: dict[str, Any]) -> list[dict[str, Any]]:
        """Accept the best of each cluster; returns them as they were."""
        best: dict[int, dict[str, Any]] = {}
        for each in await self.candidates(cold_start, "&held_out=false"):
            if each["scores"]["overall"] > best.get(each["cluster"], {"scores": {"overall": 0}})["scores"]["overall"]:
                best[each["cluster"]] = each
        for each in best.values():
            assert (await self.decide(each, "accepted")).status_code == 200
        return list(best.values())


@pytest_asyncio.fixture
async def house(database_url: str, clean_database: None, redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, tmp_path) as house:
        yield house


@pytest_asyncio.fixture
async def desk(house: House, shared_data: Callable[[str], Path]) -> Desk:
    """Forty real records of Spot the Difference, uploaded as they were published."""
    return Desk(house, await upload(house, "yard", read_records(shared_data)[:ITEMS]))


def read_records(shared_data: Callable[[str], Path]) -> list[dict[str, Any]]:
    """The records of the published file."""
    records: list[dict[str, Any]] = json.loads(shared_data("spot_the_diff/train.json").read_bytes())
    return records


async def upload(house: House, name: str, records: Any, kind: str = "change.SpotTheDifference") -> str:
    """The id of a dataset with these records."""
    answer = await house.client.post(f"/datasets?name={name}&kind={kind}", content=orjson.dumps(records))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
