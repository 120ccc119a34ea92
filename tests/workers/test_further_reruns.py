"""Jobs whose items take several replies, run again by other rules: told before and done exactly so, without a call."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.workers.test_reruns import STRICT, preview, rerun, rows_of
from workers.engine import ShardEngine

STORED = ("pair", "finding", "edit", "rejection", "state", "call", "tally")
ANNOTATION = "A cat beside a laptop.\ncat: [0, 0, 0.2, 0.2]\nlaptop: [0.5, 0, 0.4, 0.4]"
RIGHT = ("What lies on the left?", "A cat lies to the left of the laptop.")
WRONG = ("What else is there?", "There is a horse in the picture.")
FURTHER = ("Why might it rest there?", "The desk is warm and quiet.")
MENDED = ("What else is there?", "There is a laptop in the picture.")
REPAIR = {"grounding": {"policy": "repair"}}
REJECT = {"grounding": {"policy": "repair", "then": "reject"}}
KINDS: dict[str, dict[str, Any]] = {
    "number": {"pairs_per_item": 4},
    "short": {"pairs_per_item": 14},
    "target": {"target_pairs": 500},
    "target and number": {"target_pairs": 300, "pairs_per_item": 4},
    "repair": REPAIR,
    "repair and number": {"pairs_per_item": 3, **REPAIR},
    "repair or reject, and number": {"pairs_per_item": 3, **REJECT},
    "repair and target": {"target_pairs": 300, **REPAIR},
    "all": {"target_pairs": 300, "pairs_per_item": 3, **REJECT},
}
WARM = {"rules": {"banned_word": "reject"}, "banned_words": ["laptop in the", "warm"]}
HORSES = {"rules": {"banned_word": "reject"}, "banned_words": ["horse"]}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, shard_items=10)


def _say(*pairs: tuple[str, str]) -> str:
    return orjson.dumps({"pairs": [{"instruction": pair[0], "response": pair[1]} for pair in pairs]}).decode()


async def start(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, items: int, policies: dict[str, Any], **request: Any
) -> int:
    """A job that a worker is about to take; with `grounding` each item says something wrong, and mends it."""
    dataset_id = await add_dataset(sessions, items)
    if "grounding" in policies:
        await endpoint.set_mode(says=_say(RIGHT, WRONG, FURTHER), mends=_say(MENDED))
        async with sessions.begin() as session:
            await session.execute(text("UPDATE item SET sentences = :text"), {"text": ANNOTATION})
    return await order(sessions, settings, dataset_id, policies=policies, **request)


class Observed:
    """A job as it stands, for what follows to be held against."""

    def __init__(self, rows: dict[str, list[Any]], counts: dict[str, int], requests: int) -> None:
        self.rows, self.counts, self.requests = rows, counts, requests

    @property
    def english(self) -> dict[int, Any]:
        return {row.id: row for row in self.rows["pair"] if row.language == "en"}

    @property
    def asked(self) -> list[Any]:
        """What calls for pairs there were, and all that is known of them but how many pairs they may bring."""
        return [(row.id, row.state, row.raw, row.handlings) for row in self.rows["call"] if row.stage == "generate"]

    @property
    def said(self) -> Counter[tuple[int, str, str]]:
        return Counter((row.item_id, row.instruction, row.response) for row in self.english.values())


async def observe(sessions: Sessions, job_id: int, endpoint: Endpoint) -> Observed:
    counts = await counts_of(sessions, job_id)
    job = {"job": job_id}
    async with sessions() as session:
        named = {
            table: list(await session.execute(text(f"SELECT * FROM {table} WHERE job_id = :job ORDER BY id"), job))
            for table in ("pair", "call")
        }
    rows: dict[str, list[Any]] = {**await rows_of(sessions, job_id, *STORED), **named}
    return Observed(rows, counts, (await endpoint.stats())["requests"])


async def rerun_as_told(
    sessions: Sessions, engine: ShardEngine, endpoint: Endpoint, job_id: int, filters: dict[str, Any] | None
) -> tuple[dict[str, Any], Observed]:
    """Ask what would change, run, and hold one against the other; answers what was told and how the job stands."""
    before = await observe(sessions, job_id, endpoint)
    told = await preview(sessions, job_id, filters)
    untouched = await observe(sessions, job_id, endpoint)
    assert untouched.rows == before.rows
    await rerun(sessions, engine, job_id, filters)
    after = await observe(sessions, job_id, endpoint)
    assert after.asked == before.asked
    assert after.requests - before.requests <= told["translations_to_ask_for"]
    _check_effects(told, before, after)
    _check_counts(told["counts"], before, after)
    assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
    return told, after


def _check_effects(told: dict[str, Any], before: Observed, after: Observed) -> None:
    """Which pairs went and came, and that all others are the same rows with the same translations."""
    examples: dict[str, list[dict[str, Any]]] = {}
    for example in told["examples"]:
        examples.setdefault(example["direction"], []).append(example)
    gone = before.english.keys() - after.english.keys()
    come = [after.english[number] for number in after.english.keys() - before.english.keys()]
    refused = Counter(
        (one["before"]["instruction"], one["before"]["response"]) for one in examples.get("newly_refused", [])
    )
    assert refused == Counter((before.english[n].instruction, before.english[n].response) for n in gone)
    kept = Counter((one["after"]["instruction"], one["after"]["response"]) for one in examples.get("newly_kept", []))
    assert kept == Counter((row.instruction, row.response) for row in come)
    told_marks = len({one["pair_id"] for one in told["examples"] if one["direction"].endswith("flagged")})
    stay = after.english.keys() & before.english.keys()
    assert sum(before.english[n].flags != after.english[n].flags for n in stay) == told_marks
    translations = {
        row.id: row[2:8] for row in after.rows["pair"] if row.language != "en" and row.translation_of in stay
    }
    assert translations.keys() == {
        row.id for row in before.rows["pair"] if row.language != "en" and row.translation_of in stay
    }


def _check_counts(counts: dict[str, int], before: Observed, after: Observed) -> None:
    assert counts["pairs_before"] == len(before.english)
    assert counts["pairs_after"] == len(after.english)
    assert counts["newly_refused"] == len(before.english.keys() - after.english.keys())
    assert counts["newly_kept"] == len(after.english.keys() - before.english.keys())
    states = [{row[2]: row[4] for row in each.rows["state"] if row[1] == "generate"} for each in (before, after)]
    for state in ("done", "failed"):
        newly = sum(states[0][item] != now == state for item, now in states[1].items())
        assert counts[f"items_newly_{state}"] == newly


@pytest.mark.parametrize("kind", KINDS)
async def test_a_rerun_by_the_same_rules_changes_nothing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, kind: str
) -> None:
    job_id = await start(sessions, settings, endpoint, 16, KINDS[kind], languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        before = await observe(sessions, job_id, endpoint)
        told, after = await rerun_as_told(sessions, engine, endpoint, job_id, None)
    assert told["examples"] == []
    assert after.rows == before.rows


@pytest.mark.parametrize("kind", KINDS)
async def test_stricter_rules_do_as_told_and_the_old_ones_bring_back_what_there_was(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, kind: str
) -> None:
    strict = WARM if "grounding" in KINDS[kind] else STRICT
    job_id = await start(sessions, settings, endpoint, 16, KINDS[kind], languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        told, between = await rerun_as_told(sessions, engine, endpoint, job_id, strict)
        assert told["counts"]["newly_refused"] >= 10
        assert first.said != between.said
        _, again = await rerun_as_told(sessions, engine, endpoint, job_id, {})
    assert again.requests == between.requests
    assert again.said == first.said
    spent = ("usage.", "calls.", "cost_")
    assert {key: n for key, n in again.counts.items() if not key.startswith(spent)} == {
        key: n for key, n in first.counts.items() if not key.startswith(spent)
    }
