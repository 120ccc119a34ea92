"""A house with a job whose pairs are to be judged: one that holds, one that does not, one that no rule understands."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio

from tests.support.house import House, open_house

ANNOTATION = "A cat beside a laptop.\ncat: [0, 0, 0.2, 0.2]\nlaptop: [0.5, 0, 0.4, 0.4]"
PAIRS = [
    {"instruction": "What lies there?", "response": "There is a cat in the picture."},
    {"instruction": "What else is to be seen?", "response": "There is a horse in the picture."},
    {"instruction": "And how does the cat feel?", "response": "It feels as soft as silk."},
]


@dataclass(frozen=True)
class Bench:
    """A person with a job whose pairs want judging."""

    house: House
    job: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/jobs/{self.job['id']}/judgements"

    async def pairs(self) -> list[str]:
        """The ids of the job's pairs."""
        found = await self.house.get(f"/pairs?job_id={self.job['id']}&limit=1000")
        return [each["id"] for each in found["data"]]

    async def say(self, *entries: object) -> None:
        """What the judge says from now on, of whatever it is shown."""
        await self.house.endpoint.set_mode(says=orjson.dumps({"scores": entries}).decode())

    async def judge(self, **order: Any) -> dict[str, Any]:
        """A judgement, once its job has ended."""
        made = await self.house.post(self.path, order)
        await self.house.finish(f"/jobs/{made['job_id']}")
        return await self.house.get(f"{self.path}/{made['id']}")


@pytest_asyncio.fixture
async def house(database_url: str, clean_database: None, redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, tmp_path) as house:
        yield house


async def make_bench(house: House, items: int, **mode: Any) -> Bench:
    """A job over so many items, done."""
    await house.endpoint.set_mode(**mode)
    rows = [{"id": f"picture-{number}", "sentences": ANNOTATION} for number in range(items)]
    dataset = await house.post("/datasets", {"name": "pictures", "items": rows})
    job = await house.post("/jobs", {"dataset_id": dataset["id"], "stages": ["generate"]})
    job = await house.finish(f"/jobs/{job['id']}")
    assert job["state"] == "completed", job
    await house.endpoint.set_mode(says="")
    await house.endpoint.reset()
    return Bench(house, job)


@pytest_asyncio.fixture
async def bench(house: House) -> Bench:
    """One item with three pairs."""
    return await make_bench(house, 1, says=orjson.dumps({"pairs": PAIRS}).decode())


@pytest_asyncio.fixture
async def wide_bench(house: House) -> Bench:
    """Twelve items, each with three invented pairs."""
    return await make_bench(house, 12)
