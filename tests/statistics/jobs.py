"""Jobs whose figures are known, and the counting of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx2
from sqlalchemy import text

from app.clock import utc_now
from app.ids import encode_id
from app.resources import Resources
from app.store import models
from app.store.session import Sessions
from app.store.statistics import Scope, list_due_counts
from app.store.tallies import add_tallies
from tests.api.service import add_dataset, add_job
from workers.counting import work_count

WORKER = "test-worker"
PAIRS = (
    ("Why did the woman leave the room?", "She left the room because the phone rang."),
    ("Describe the red car.", "The driver parks the red car beside a fence. It is old."),
    ("Describe the red car.", "A red car."),
    ("Can you find the differences?", "Yes, there are two differences between the images, and both are small."),
)
"""Instructions of 7, 4, 4 and 5 words; three are different."""


async def add_counted_job(
    sessions: Sessions,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    *,
    dataset_id: int | None = None,
    chinese: bool = False,
) -> tuple[int, int]:
    """(dataset, job): a finished job with these pairs on two items, each related to the others, and its roll-ups."""
    if dataset_id is None:
        dataset_id, _ = await add_dataset(sessions, 2)
    job_id = await add_job(sessions, dataset_id, items=2)
    async with sessions.begin() as session:
        items = (
            (await session.execute(text("SELECT id FROM item WHERE dataset_id = :id ORDER BY id"), {"id": dataset_id}))
            .scalars()
            .all()
        )
        rows = [_make(job_id, items[place % 2], place, "en", pair) for place, pair in enumerate(pairs)]
        session.add_all(rows)
        await session.flush()
        for row in rows:
            others = [other.id for other in rows if other.id != row.id]
            session.add(models.Relation(pair_id=row.id, job_id=job_id, rule="item", related_pair_ids=others))
            if chinese:
                translated = _make(job_id, row.item_id, row.ordinal, "zh", ("那个女人为什么离开?", "她 离开 了。"))
                translated.translation_of = row.id
                session.add(translated)
        added: Counter[tuple[int, str]] = Counter(
            {
                (job_id, "pairs"): len(pairs),
                (job_id, "items.done"): 2,
                (job_id, "rejected"): 1,
                (job_id, "rejected.duplicate"): 1,
                (job_id, "usage.calls"): 2,
                (job_id, "usage.prompt_tokens"): 1000,
                (job_id, "usage.completion_tokens"): 200,
                (job_id, "translations.zh"): len(pairs) if chinese else 0,
            }
        )
        await add_tallies(session, added, 0)
        await session.execute(text("UPDATE job SET finished_at = now() WHERE id = :id"), {"id": job_id})
    return dataset_id, job_id


async def count_due(resources: Resources) -> int:
    """Have a worker count everything that is due, and what that makes due; answers how many runs there were."""
    runs = 0
    while True:
        async with resources.sessions.begin() as session:
            due = await list_due_counts(session, 0.0)
        if not due:
            return runs
        for run_id, _ in due:
            await work_count(resources, run_id, WORKER)
            runs += 1


async def get_statistics(client: httpx2.AsyncClient, scope: Scope) -> dict[str, Any]:
    """The answer of a GET."""
    response = await client.get(path_of(scope))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def path_of(scope: Scope) -> str:
    return "/stats" if scope.kind == "all" else f"/{scope.kind}s/{encode_id(scope.kind, scope.id)}/stats"


def _make(job_id: int, item_id: int, ordinal: int, language: str, pair: tuple[str, str]) -> models.Pair:
    return models.Pair(
        job_id=job_id,
        item_id=item_id,
        ordinal=ordinal,
        language=language,
        translation_of=None,
        instruction=pair[0],
        response=pair[1],
        words=len(pair[0].split()) + len(pair[1].split()),
        status="accepted",
        flags=[],
        call_id=None,
        created_at=utc_now(),
    )
