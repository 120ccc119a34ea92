"""Rules of the whole job in a dry run: what it tells is, pair by pair, what the rerun then does."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio
from sqlalchemy import text

from app.ids import encode_id
from app.pipeline.filtering import JOB_RULES
from app.services.jobs import act_on_job
from app.services.reviewing import Review, review_pair
from app.settings import Settings
from app.store.export_rows import Selection, count_translations, number_pairs
from app.store.session import Sessions, make_engine, make_sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.support.reruns import preview, rerun

WORDS = {"banned_words": ["bicycle", "red", "ladder"]}
POLICIES: list[dict[str, Any]] = [
    {"rules": {"similar_in_dataset": "flag"}, "similarity": 0.5},
    {"rules": {"similar_in_dataset": "reject"}, "similarity": 0.5},
    {"rules": {"similar_in_image": "reject", "similar_in_dataset": "flag"}, "similarity": 0.5},
    {"rules": {"similar_in_image": "flag", "similar_in_dataset": "reject"}, "similarity": 0.6},
    {"rules": {"similar_in_dataset": "reject", "banned_word": "reject"}, "similarity": 0.5, **WORDS},
    {"rules": {"similar_in_dataset": "flag", "banned_word": "flag"}, "similarity": 0.5, **WORDS},
    {"rules": {"similar_in_image": "flag", "banned_word": "reject"}, "similarity": 0.5, **WORDS},
    {"rules": {"similar_in_dataset": "reject"}, "similarity": 0.5},
    {},
]
_PAIRS = text("SELECT id, status, flags, instruction FROM pair WHERE job_id = :job AND language = 'en'")
_FINDINGS = text(
    "SELECT pair_id, code, CAST(evidence->>'pair' AS bigint) FROM pair_finding "
    "WHERE job_id = :job AND code = ANY(:codes)"
)

Told = Counter[tuple[str, str, str | None]]
"""(direction, rule, pair id), the id None where the pair is not there yet."""


@dataclass(frozen=True)
class Row:
    """An English pair as it is stored."""

    status: str
    flags: frozenset[str]
    instruction: str

    @property
    def is_refused(self) -> bool:
        return self.status == "rejected"


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def read_rows(sessions: Sessions, job_id: int) -> dict[int, Row]:
    async with sessions() as session:
        rows = await session.execute(_PAIRS, {"job": job_id})
        return {row.id: Row(row.status, frozenset(row.flags), row.instruction) for row in rows}


async def read_findings(sessions: Sessions, job_id: int) -> dict[tuple[str, str], str]:
    """(pair, rule of the whole job) -> the pair that it is like."""
    async with sessions() as session:
        rows = await session.execute(_FINDINGS, {"job": job_id, "codes": list(JOB_RULES)})
        return {(encode_id("pair", row[0]), row[1]): encode_id("pair", row[2]) for row in rows}


def list_differences(before: dict[int, Row], after: dict[int, Row], told: Told) -> Told:
    """What the rows say has changed. By which rule a pair was refused or came back is not in them: `told` says it."""
    found: Told = Counter()
    rules = {(direction, pair_id): rule for direction, rule, pair_id in told}

    def add(direction: str, pair_id: int) -> None:
        name = encode_id("pair", pair_id)
        found[direction, rules.get((direction, name), "untold"), name] += 1

    for pair_id, old in before.items():
        new = after.get(pair_id)
        if new is None or (new.is_refused and not old.is_refused):
            add("newly_refused", pair_id)
        elif old.is_refused and not new.is_refused:
            add("newly_kept", pair_id)
        if new is not None:
            for direction, codes in (
                ("newly_flagged", new.flags - old.flags),
                ("no_longer_flagged", old.flags - new.flags),
            ):
                for code in codes:
                    if code not in JOB_RULES or not (old.is_refused or new.is_refused):
                        found[direction, code, encode_id("pair", pair_id)] += 1
    return found


def list_come(before: dict[int, Row], after: dict[int, Row]) -> Counter[tuple[str, str]]:
    """What the rows say about pairs that were not there before."""
    found: Counter[tuple[str, str]] = Counter()
    for pair_id in after.keys() - before.keys():
        row = after[pair_id]
        found["newly_kept", "banned_word"] += 1
        if row.is_refused:
            found["newly_refused", "similar_in_dataset"] += 1
        else:
            found.update(("newly_flagged", flag) for flag in row.flags if flag in JOB_RULES)
    return found


async def check_change(
    sessions: Sessions, job_id: int, told: dict[str, Any], before: dict[int, Row], after: dict[int, Row]
) -> None:
    """Compare what a dry run told with the rows before and after the rerun."""
    examples = told["examples"]
    all_told: Told = Counter((each["direction"], each["rule"], each["pair_id"]) for each in examples)
    of_known = Counter({key: n for key, n in all_told.items() if key[2] is not None})
    assert of_known == list_differences(before, after, of_known)
    of_new = Counter((each["direction"], each["rule"]) for each in examples if each["pair_id"] is None)
    assert of_new == list_come(before, after)
    for direction in ("newly_refused", "newly_kept", "newly_flagged", "no_longer_flagged"):
        assert told["counts"][direction] == sum(each["direction"] == direction for each in examples)
    assert told["counts"]["pairs_after"] == len(after)
    names = {encode_id("pair", pair_id): row for pair_id, row in after.items()}
    findings = await read_findings(sessions, job_id)
    for each in examples:
        if each["pair_id"] in names:
            row = names[each["pair_id"]]
            assert (each["after"]["status"], frozenset(each["after"]["flags"])) == (row.status, row.flags)
            if each["other"] is not None and each["direction"] in {"newly_refused", "newly_flagged"}:
                other = each["other"]
                if other["pair_id"] is not None:
                    assert findings[each["pair_id"], each["rule"]] == other["pair_id"]
                assert names[findings[each["pair_id"], each["rule"]]].instruction == other["instruction"]


async def test_each_change_of_policy_does_just_what_its_dry_run_told(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 60, shared_images=3), languages=["zh"])
    seen: Counter[str] = Counter()
    async with working(settings) as engine:
        await finish(sessions, job_id)
        asked = (await endpoint.stats())["requests"]
        for filters in POLICIES:
            before = await read_rows(sessions, job_id)
            told = await preview(sessions, job_id, filters)
            assert await read_rows(sessions, job_id) == before
            await rerun(sessions, engine, job_id, filters)
            after = await read_rows(sessions, job_id)
            await check_change(sessions, job_id, told, before, after)
            await counts_of(sessions, job_id)
            seen += Counter(each["direction"] for each in told["examples"] if each["rule"] in JOB_RULES)
            assert (await preview(sessions, job_id, filters))["by_rule"] == []
        assert (await endpoint.stats())["requests"] == asked
    assert {row.status for row in (await read_rows(sessions, job_id)).values()} == {"accepted"}
    directions = ("newly_refused", "newly_kept", "newly_flagged", "no_longer_flagged")
    assert all(seen[direction] > 3 for direction in directions), seen


async def test_a_dry_run_never_waits_for_a_second_connection(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, database_url: str
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    async with working(settings):
        await finish(sessions, job_id)
    engine = make_engine(database_url, pool_size=1)
    few = make_sessions(engine)
    try:
        async with few() as other:  # one of the two connections that this pool has at most
            await other.execute(text("SELECT 1"))
            assert (await preview(few, job_id, POLICIES[0]))["counts"]["replies"] == 4
    finally:
        await engine.dispose()


async def test_what_people_decided_stays_and_is_told_so(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    same = {"instruction": "What colour is the bicycle beside the wall?", "response": "It is green, number 7."}
    await endpoint.set_mode(says=orjson.dumps({"pairs": [same]}).decode())
    filters = {"rules": {"similar_in_dataset": "reject"}}
    job_id = await order(
        sessions, settings, await add_dataset(sessions, 6), languages=["zh"], policies={"filters": filters}
    )
    async with working(settings) as engine:
        await finish(sessions, job_id)
        rows = await read_rows(sessions, job_id)
        [first] = [number for number, row in rows.items() if not row.is_refused]
        accepted, rejected, translated, *others = sorted(rows.keys() - {first})
        statement = text("SELECT id FROM pair WHERE translation_of = :id")
        async with sessions() as session:
            translation = (await session.execute(statement, {"id": translated})).scalar_one()
        async with sessions.begin() as session:
            await review_pair(session, Review(accepted, ("*",), "accepted"))
            await review_pair(session, Review(rejected, ("*",), "rejected"))
            await review_pair(session, Review(translation, ("*",), "accepted"))
        decided = {number: row for number, row in (await read_rows(sessions, job_id)).items() if number not in others}
        for policy in ({}, {"rules": {"similar_in_dataset": "flag"}}, filters):
            before = await read_rows(sessions, job_id)
            told = await preview(sessions, job_id, policy)
            await rerun(sessions, engine, job_id, policy)
            after = await read_rows(sessions, job_id)
            await check_change(sessions, job_id, told, before, after)
            assert {number: after[number] for number in decided} == decided
            assert {after[number].status for number in others} != {before[number].status for number in others}
            await counts_of(sessions, job_id)


async def test_pairs_that_a_retry_brings_are_compared_too(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    same = {"instruction": "What colour is the bicycle beside the wall?", "response": "It is green."}
    await endpoint.set_mode(says="no pairs at all")
    policies = {"filters": {"rules": {"similar_in_dataset": "reject"}}}
    job_id = await order(sessions, settings, await add_dataset(sessions, 4), policies=policies)
    async with working(settings) as engine:
        await finish(sessions, job_id)
        assert await read_rows(sessions, job_id) == {}
        await endpoint.set_mode(says=orjson.dumps({"pairs": [same]}).decode())
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "retry-failed")
        engine.ring()
        await finish(sessions, job_id)
    assert sorted(row.status for row in (await read_rows(sessions, job_id)).values()) == ["accepted", *["rejected"] * 3]
    await counts_of(sessions, job_id)


async def test_an_export_has_no_pair_that_a_rule_of_the_whole_job_rejected_in_any_language(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    same = {"instruction": "What colour is the bicycle beside the wall?", "response": "It is green, number 7."}
    await endpoint.set_mode(says=orjson.dumps({"pairs": [same]}).decode())
    policies = {"filters": {"rules": {"similar_in_dataset": "reject"}}}
    dataset_id = await add_dataset(sessions, 4)
    job_id = await order(sessions, settings, dataset_id, languages=["zh", "ar"], policies=policies)
    async with working(settings):
        await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (counts["pairs"], counts["translations.zh"], counts["status.en.rejected"]) == (4, 4, 3)
    async with sessions() as session:
        assert await number_pairs(session, Selection(job_id, ("accepted", "edited", "flagged"))) == 1
        assert await count_translations(session, ["zh", "ar"]) == {"zh": 1, "ar": 1}
