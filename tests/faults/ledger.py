"""The books: what the endpoint was paid for against what PostgreSQL holds, while a job runs and after it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import text

from app.pipeline.prompting import frame_annotation
from app.pipeline.translating import translation_messages_of
from app.pipeline.values import Pair
from app.store.outages import is_outage
from app.store.session import Sessions
from app.store.tallies import read_tallies
from tests.faults.arena import Arena, Worker
from tests.support.orders import counts_of
from tests.support.replies import ChatRequest, Message
from tests.support.waiting import wait_until

_SAMPLE_S = 0.2
_BY_WORKER = text(
    """
    SELECT count(*) FILTER (WHERE raw IS NOT NULL), count(*) FILTER (WHERE state = 'started')
    FROM call WHERE worker = :worker
    """
)
_PARTITION = text(
    """
    SELECT j.items_total, count(i.id), count(i.id) FILTER (WHERE st.item_id IS NULL)
    FROM job j JOIN item i ON i.dataset_id = j.dataset_id
    LEFT JOIN item_state st ON st.job_id = j.id AND st.stage = 'generate' AND st.item_id = i.id
    WHERE j.id = :job GROUP BY j.id
    """
)
_FENCES = text("SELECT id, fence FROM shard WHERE job_id = :job")
_RECORDED = text(
    """
    SELECT c.stage, i.sentences, p.instruction, p.response, c.languages, c.raw, c.prompt_tokens,
        c.completion_tokens, c.cached_tokens, c.item_id, c.sample
    FROM call c JOIN item i ON i.id = c.item_id
    LEFT JOIN pair p ON c.stage = 'translate' AND p.job_id = c.job_id AND p.item_id = c.item_id
        AND p.ordinal = c.sample AND p.language = 'en'
    WHERE c.job_id = :job AND c.raw IS NOT NULL
    """
)
_DUPLICATES = text(
    """
    SELECT (SELECT coalesce(sum(n - 1), 0) FROM (
            SELECT count(*) AS n FROM pair WHERE job_id = :job GROUP BY item_id, ordinal, language) AS unit)
        + (SELECT coalesce(sum(n - 1), 0) FROM (
            SELECT count(*) AS n FROM pair WHERE job_id = :job AND language = 'en'
            GROUP BY item_id, instruction, response) AS told)
        + (SELECT coalesce(sum(n - 1), 0) FROM (
            SELECT count(DISTINCT call_id) AS n FROM pair WHERE job_id = :job AND language = 'en'
            GROUP BY item_id) AS mixed)
    """
)
_OPEN_CALLS = text("SELECT state, count(*) FROM call WHERE job_id = :job AND state IN ('started', 'stored') GROUP BY 1")


@dataclass(frozen=True, slots=True)
class Measure:
    """A worker's books while it stands still: calls the endpoint accepted, answers recorded, intents left open."""

    accepted: int
    recorded: int
    open_intents: int

    @property
    def lost(self) -> int:
        """Paid answers that die with the worker."""
        return self.accepted - self.recorded


async def measure(arena: Arena, worker: Worker) -> Measure:
    """The books of a stopped worker, once what it had sent off before is through."""
    alike, last = 0, Measure(-1, -1, -1)
    while alike < 3:
        accepted = (await arena.endpoint.stats())["callers"].get(worker.worker_id, 0)
        recorded, open_intents = await arena.query(lambda sessions: _count_calls(sessions, worker.worker_id))
        now = Measure(accepted, recorded, open_intents)
        alike, last = (alike + 1 if now == last else 0), now
        await asyncio.sleep(0.01)  # lets what is on its way arrive; three equal readings in a row decide
    return last


@dataclass(slots=True)
class Watch:
    """Compares roll-ups with rows and inputs with outcomes all through a job, in one snapshot each time."""

    arena: Arena
    job_id: int
    samples: int = 0
    breaches: list[str] = field(default_factory=list)
    _fences: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            try:
                await self.sample()
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(_SAMPLE_S)

    async def counts(self) -> Counter[str]:
        """The job's roll-ups, compared with the rows they count."""
        try:
            await counts_of(self.arena.sessions, self.job_id)
        except AssertionError as error:
            self.breaches.append(f"counts: {error}")
        async with self.arena.sessions() as session:
            return (await read_tallies(session, [self.job_id]))[self.job_id]

    async def sample(self) -> None:
        await self.counts()
        async with self.arena.sessions() as session:
            await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            ordered, found, pending = (await session.execute(_PARTITION, {"job": self.job_id})).one()
            fences = {row.id: row.fence for row in await session.execute(_FENCES, {"job": self.job_id})}
            ended = (await session.execute(_ENDED, {"job": self.job_id})).scalar_one()
        if not ordered == found == pending + ended:
            self.breaches.append(f"items: {ordered} ordered, {pending} pending, {ended} ended")
        fell = [shard for shard, fence in fences.items() if fence < self._fences.get(shard, 0)]
        if fell:
            self.breaches.append(f"fences fell: {fell}")
        self._fences = fences
        self.samples += 1


_ENDED = text(
    """
    SELECT coalesce(sum(n), 0)::bigint FROM tally
    WHERE job_id = :job AND key IN ('items.done', 'items.failed', 'items.poison', 'items.skipped')
    """
)


@dataclass(frozen=True, slots=True)
class Books:
    """A finished job's balance; `faults` says what does not add up."""

    paid_twice: int
    duplicates: int
    faults: list[str]


async def balance(arena: Arena, job_id: int) -> Books:
    """Compare every recorded call with the endpoint's bill, by what was bought and by tokens.

    The endpoint bills a call's tokens when it answers, so calls whose worker was killed are waited for.
    """

    async def is_done() -> bool:
        return bool((await arena.endpoint.stats())["in_flight"] == 0)

    await wait_until(is_done, "the endpoint's last answer")
    paid: Counter[str] = Counter(await arena.endpoint.keys())
    bill = await arena.endpoint.stats()
    async with arena.sessions() as session:
        rows = list(await session.execute(_RECORDED, {"job": job_id}))
        duplicates = int((await session.execute(_DUPLICATES, {"job": job_id})).scalar_one())
        left = list(await session.execute(_OPEN_CALLS, {"job": job_id}))
    faults = [f"{n} calls were left {state}" for state, n in left]
    recorded: Counter[str] = Counter()
    units: dict[str, set[tuple[Any, ...]]] = {}
    tokens: dict[str, tuple[int, int, int]] = {}
    total = Counter[str]()
    for row in rows:
        key = _key_of(row)
        used = orjson.loads(row.raw)["usage"]
        spent = (used["prompt_tokens"], used["completion_tokens"], used["prompt_tokens_details"]["cached_tokens"])
        recorded[key] += 1
        units.setdefault(key, set()).add((row.stage, row.item_id, row.sample, tuple(row.languages)))
        tokens[key] = spent
        if spent != (row.prompt_tokens, row.completion_tokens, row.cached_tokens):
            faults.append(f"a call of item {row.item_id} is booked with other tokens than its answer says")
        _add(total, spent, 1)
    unpaid = recorded - paid
    if unpaid:
        faults.append(f"{sum(unpaid.values())} recorded answers were never billed")
    for key, lost in (paid - recorded).items():
        if key not in tokens:
            faults.append("something was paid for that no recorded call asked for")
        else:
            _add(total, tokens[key], lost)
    for name, booked in total.items():
        if bill[name] != booked:
            faults.append(f"the bill has {bill[name]} {name}, the books {booked}")
    twice = sum(n - len(units.get(key, {0})) for key, n in paid.items())
    return Books(twice, duplicates, faults)


def _add(total: Counter[str], spent: tuple[int, int, int], times: int) -> None:
    for name, tokens in zip(("prompt_tokens", "completion_tokens", "cached_tokens"), spent, strict=True):
        total[name] += tokens * times


def _key_of(row: Any) -> str:
    """What the endpoint files a call under: a hash of the user content that was sent."""
    if row.stage == "generate":
        content = frame_annotation(row.sentences)
    else:
        content = translation_messages_of(Pair(row.instruction, row.response), row.languages)[-1]["content"]
    return ChatRequest([Message("user", content)]).key.hex()


async def _count_calls(sessions: Sessions, worker_id: str) -> tuple[int, int]:
    async with sessions() as session:
        row = (await session.execute(_BY_WORKER, {"worker": worker_id})).one()
        return int(row[0]), int(row[1])
