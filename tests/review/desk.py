"""What reviewers' tests share: a job to review, how its pairs are read and changed, and the sums that must hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from sqlalchemy import text

from app.ids import decode_id, encode_id
from app.store.session import Sessions
from app.store.tallies import add_tallies, read_tallies
from tests.api.service import add_dataset, add_job, add_pairs
from tests.support.orders import QUEUE_ROWS

_PAIR_ROWS = """
    SELECT CASE language WHEN 'en' THEN 'pairs' ELSE 'translations.' || language END, count(*)
    FROM pair WHERE job_id = :job GROUP BY 1
"""
_FAMILIES = ("pairs", "translations.", "status.", "reviewed.", "flag.")


@dataclass(frozen=True, slots=True)
class ReviewJob:
    """A job by its number, and its English pairs by theirs."""

    number: int
    pairs: list[int]
    items: list[int]

    @property
    def id(self) -> str:
        return encode_id("job", self.number)

    def pair(self, place: int) -> str:
        return encode_id("pair", self.pairs[place])


async def add_review_job(
    sessions: Sessions, items: int = 3, per_item: int = 2, languages: Sequence[str] = ("zh", "fr")
) -> ReviewJob:
    """A completed job whose roll-ups count its pairs."""
    dataset_id, item_ids = await add_dataset(sessions, items)
    number = await add_job(sessions, dataset_id, items=items)
    pairs = await add_pairs(sessions, number, item_ids, per_item=per_item, languages=languages)
    async with sessions.begin() as session:
        rows = await session.execute(text(_PAIR_ROWS), {"job": number})
        await add_tallies(session, {(number, key): n for key, n in rows}, 0)
    return ReviewJob(number, pairs, item_ids)


async def flag_pair(sessions: Sessions, job: ReviewJob, place: int, *flags: str) -> None:
    """Flag an English pair as a rule would have done when it was made."""
    async with sessions.begin() as session:
        values = {"id": job.pairs[place], "flags": list(flags)}
        await session.execute(text("UPDATE pair SET status = 'flagged', flags = :flags WHERE id = :id"), values)
        added = {(job.number, "status.en.flagged"): 1} | {(job.number, f"flag.en.{flag}"): 1 for flag in flags}
        await add_tallies(session, added, 0)


async def check_queues(sessions: Sessions, job_number: int) -> None:
    """The roll-ups of the queues count the rows."""
    async with sessions() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        tallies = (await read_tallies(session, [job_number]))[job_number]
        rows = await session.execute(text(f"{_PAIR_ROWS} UNION ALL {QUEUE_ROWS}"), {"job": job_number})
        counted = {key: n for key, n in rows if n}
    assert {key: n for key, n in tallies.items() if n and key.startswith(_FAMILIES)} == counted


async def read_pair(client: httpx2.AsyncClient, pair_id: str, expand: str = "") -> dict[str, Any]:
    response = await client.get(f"/pairs/{pair_id}", params={"expand": expand} if expand else {})
    assert response.status_code == 200, response.text
    pair: dict[str, Any] = response.json()
    return pair


async def review(client: httpx2.AsyncClient, pair_id: str, **body: Any) -> dict[str, Any]:
    """Review a pair as it stands; answers it as it stands then."""
    etag = (await read_pair(client, pair_id))["etag"]
    response = await client.patch(f"/pairs/{pair_id}", json=body, headers={"If-Match": f'"{etag}"'})
    assert response.status_code == 200, response.text
    pair: dict[str, Any] = response.json()
    assert response.headers["etag"] == f'"{pair["etag"]}"'
    assert pair["etag"] != etag
    return pair


async def translation_of(client: httpx2.AsyncClient, pair_id: str, language: str) -> dict[str, Any]:
    """The translation of a pair into one language."""
    found = (await client.get(f"/pairs/{pair_id}/translations")).json()["data"]
    [pair] = [pair for pair in found if pair["language"] == language]
    return dict(pair)


def number_of(pair: dict[str, Any]) -> int:
    return decode_id("pair", pair["id"])
