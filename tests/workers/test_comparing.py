"""All questions of a job against all others: what comes again is found, whoever asked it first, and only once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.pipeline.alike import Leaders, Member, choose_rows, find_alike, sign_texts
from app.pipeline.filtering.shingles import measure_likeness, shingle_text
from app.services.claims import Claim, read_context
from app.services.comparing import sign_questions
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.services.reviewing import Review, review_pair
from app.settings import Settings
from app.store.comparisons import Question
from app.store.edits import lock_pairs
from app.store.jobs import get_job
from app.store.session import Sessions
from app.store.shards import Lease, claim_shard
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.support.waiting import wait_until
from workers.comparing import compare_job

SAME = {"instruction": "What colour is the bicycle beside the wall?", "response": "It is green."}
THINGS = (
    "bell", "boat", "book", "boot", "cart", "coat", "door", "drum", "fork", "gate",
    "harp", "kite", "lamp", "nail", "oven", "pipe", "rope", "sail", "tent", "wheel",
)  # fmt: skip
ON = {"filters": {"rules": {"similar_in_dataset": "on", "similar_in_image": "on"}}}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def flags_of(sessions: Sessions, job_id: int) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Status and flags of the English pairs by id, in the order of their items."""
    statement = text(
        "SELECT id, status, flags FROM pair WHERE job_id = :job AND language = 'en' ORDER BY item_id, ordinal"
    )
    async with sessions() as session:
        return {row[0]: (row[1], tuple(row[2])) for row in await session.execute(statement, {"job": job_id})}


async def evidence_of(sessions: Sessions, job_id: int) -> list[tuple[int, str, dict[str, Any]]]:
    statement = text("SELECT pair_id, code, evidence FROM pair_finding WHERE job_id = :job ORDER BY pair_id, code")
    async with sessions() as session:
        return [tuple(row) for row in await session.execute(statement, {"job": job_id})]


async def ask_the_same(
    sessions: Sessions,
    settings: Settings,
    endpoint: Endpoint,
    items: int,
    pairs: Sequence[dict[str, str]] = (SAME,),
    **request: Any,
) -> int:
    """A job whose every item has the same questions; neighbours show the same picture."""
    await endpoint.set_mode(says=orjson.dumps({"pairs": list(pairs)}).decode())
    job_id = await order(sessions, settings, await add_dataset(sessions, items, shared_images=2), **request)
    async with working(settings):
        await finish(sessions, job_id)
    return job_id


async def test_each_but_the_first_of_alike_questions_is_flagged(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await ask_the_same(sessions, settings, endpoint, 6, policies=ON)
    flags = list((await flags_of(sessions, job_id)).values())
    assert flags[0] == ("accepted", ())
    assert all(status == "flagged" and "similar_in_dataset" in found for status, found in flags[1:])
    assert sum("similar_in_image" in found for _, found in flags) == 3
    first = next(iter(await flags_of(sessions, job_id)))
    found = [row for row in await evidence_of(sessions, job_id) if row[1] == "similar_in_dataset"]
    assert [(row[2]["pair"], row[2]["likeness"]) for row in found] == [(first, 1.0)] * 5
    counts = await counts_of(sessions, job_id)
    assert (counts["flag.en.similar_in_dataset"], counts["status.en.flagged"]) == (5, 5)


async def test_nothing_is_compared_unless_it_is_ordered(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await ask_the_same(sessions, settings, endpoint, 4)
    assert set((await flags_of(sessions, job_id)).values()) == {("accepted", ())}


async def test_repetitions_are_rejected_where_the_order_says_so_and_come_back_with_a_rerun(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    policies = {"filters": {"rules": {"similar_in_dataset": "reject"}}}
    job_id = await ask_the_same(sessions, settings, endpoint, 4, policies=policies)
    before = await flags_of(sessions, job_id)
    assert [status for status, _ in before.values()] == ["accepted", "rejected", "rejected", "rejected"]
    await counts_of(sessions, job_id)
    async with working(settings, "second") as engine:
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("filter"))
        engine.ring()
        await finish(sessions, job_id)
        assert await flags_of(sessions, job_id) == before
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("filter", filters={}))
        engine.ring()
        await finish(sessions, job_id)
    assert await flags_of(sessions, job_id) == dict.fromkeys(before, ("accepted", ()))
    assert await evidence_of(sessions, job_id) == []
    await counts_of(sessions, job_id)


async def test_a_pair_that_a_person_accepted_is_left_alone(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await ask_the_same(sessions, settings, endpoint, 4)
    numbers = list(await flags_of(sessions, job_id))
    async with sessions.begin() as session:
        await review_pair(session, Review(numbers[2], ("*",), "accepted"))
    async with working(settings, "second") as engine:
        async with sessions.begin() as session:
            await act_on_job(
                session, job_id, "rerun", Rerun("filter", filters={"rules": {"similar_in_dataset": "reject"}})
            )
        engine.ring()
        await finish(sessions, job_id)
    found = await flags_of(sessions, job_id)
    assert [found[number][0] for number in numbers] == ["accepted", "rejected", "accepted", "rejected"]


async def test_two_workers_at_the_same_pass_write_it_once_and_one_without_the_lease_writes_nothing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await ask_the_same(sessions, settings, endpoint, 6, policies=ON)
    before = await evidence_of(sessions, job_id)
    async with sessions.begin() as session:
        await session.execute(
            text("UPDATE shard SET state = 'ready' WHERE job_id = :job AND seq = -2"), {"job": job_id}
        )
        statement = text("SELECT id FROM shard WHERE job_id = :job AND seq = -2")
        shard_id = (await session.execute(statement, {"job": job_id})).scalar_one()
        lease = await claim_shard(session, shard_id, "late", 60.0)
        assert lease is not None
        context = await read_context(session, await get_job(session, job_id), 0)
    assert lease.is_comparison
    assert await compare_job(sessions, Claim(lease, context), "late", lambda: True)
    assert [row[:2] for row in await evidence_of(sessions, job_id)] == [row[:2] for row in before]
    stale = Lease(lease.shard_id, job_id, lease.fence - 1, "generate", (), False)
    assert not await compare_job(sessions, Claim(stale, context), "late", lambda: True)
    await counts_of(sessions, job_id)


def _question(number: int, said: str) -> Question:
    return Question(number, number, None, said)


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.8, 0.95])
def test_bands_bring_together_what_is_alike(similarity: float) -> None:
    """Pairs of questions whose likeness is just what is asked for, a thousand of each: hardly one is missed."""
    rows = choose_rows(similarity)
    met = asked = 0
    for number in range(1000):
        words = [f"w{number}x{place}" for place in range(24)]
        changed = words.copy()
        while measure_likeness(shingle_text(" ".join(words)), shingle_text(" ".join(changed[:-1]))) >= similarity:
            changed = changed[:-1]
        one, other = sign_questions([_question(1, " ".join(words)), _question(2, " ".join(changed))], rows)
        if changed == words:
            continue
        asked += 1
        met += not set(one[4]).isdisjoint(other[4])
    assert met >= 0.98 * asked


def test_questions_of_a_word_are_left_out_and_equal_ones_have_one_digest() -> None:
    signed = sign_questions(
        [
            _question(1, "Why?"),
            _question(2, "What is the color of the car?"),
            _question(3, "What colour is the car?"),
            _question(4, "What is the car doing?"),
        ],
        6,
    )
    assert [row[0] for row in signed] == [2, 3, 4]
    digests = {row[0]: row[3] for row in signed}
    assert digests[4] != digests[2]


def _member(said: str) -> Member:
    [signed] = sign_texts([said], 6)
    assert signed is not None
    return signed.digest, frozenset(signed.marks)


def test_leaders_are_kept_from_part_to_part_of_a_large_group() -> None:
    leaders = Leaders(0.8)
    members = [_member(said) for said in ("red car stands", "blue boat floats")]
    assert find_alike(members, leaders) == []
    again = _member("Blue boat floats?")
    assert find_alike([again], leaders) == [(members[1][0], again[0], 1.0)]


async def test_a_rerun_and_a_reviewer_do_not_stand_in_each_others_way(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    pairs = [{"instruction": f"Where is the {thing}?", "response": f"The {thing} is there."} for thing in THINGS]
    job_id = await ask_the_same(sessions, settings, endpoint, 55, pairs, policies=ON)
    marked = sorted({row[0] for row in await evidence_of(sessions, job_id)})
    assert len(marked) > 1_000  # more than are taken back at once
    last = marked[-1]

    async def rerun() -> None:
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("filter"))

    async def waits() -> bool:
        async with sessions() as session:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
            return bool((await session.execute(waiting)).scalar_one())

    async with sessions.begin() as session:
        await lock_pairs(session, [last])
        rerunning = asyncio.ensure_future(rerun())
        await wait_until(waits, "the rerun waiting for the pair")
        await review_pair(session, Review(last, ("*",), "accepted"))
    await rerunning
    assert {row[0] for row in await evidence_of(sessions, job_id)} == {last}
    counts = await counts_of(sessions, job_id)
    assert counts["reviewed.en.accepted"] == 1
