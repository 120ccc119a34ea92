"""Jobs whose items take several replies, run again by other rules: told before and done exactly so, without a call."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.pipeline.values import Pair
from app.services.editing import TextEdit, edit_texts
from app.services.reviewing import Review, review_pair
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.support.reruns import preview, rerun
from tests.workers.test_reruns import STRICT, rows_of
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
    def by_item(self) -> dict[int, list[Any]]:
        """English pairs of each item that has any, in order."""
        pairs: dict[int, list[Any]] = {}
        for row in sorted(self.english.values(), key=lambda row: (row.item_id, row.ordinal)):
            pairs.setdefault(row.item_id, []).append(row)
        return pairs

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
    sessions: Sessions,
    engine: ShardEngine,
    endpoint: Endpoint,
    job_id: int,
    filters: dict[str, Any] | None,
    *,
    is_exact: bool = True,
) -> tuple[dict[str, Any], Observed]:
    """Ask what would change, run, and hold one against the other; answers what was told and how the job stands.

    is_exact: whether it is told which pairs come; else only how many
    """
    before = await observe(sessions, job_id, endpoint)
    told = await preview(sessions, job_id, filters)
    untouched = await observe(sessions, job_id, endpoint)
    assert untouched.rows == before.rows
    await rerun(sessions, engine, job_id, filters)
    after = await observe(sessions, job_id, endpoint)
    assert after.asked == before.asked
    assert after.requests - before.requests <= told["translations_to_ask_for"]
    if is_exact:
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


async def test_an_item_of_which_nothing_else_changes_ends_as_it_did(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(refusal=0.75)
    job_id = await start(sessions, settings, endpoint, 30, KINDS["short"])
    failing = text("UPDATE item_state SET detail = 'after 4 replies: server_error' WHERE job_id = :job")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        async with sessions.begin() as session:
            await session.execute(failing, {"job": job_id})
        before = await observe(sessions, job_id, endpoint)
        assert {row[4] for row in before.rows["state"]} == {"done", "failed"}
        _, after = await rerun_as_told(sessions, engine, endpoint, job_id, None)
        assert after.rows == before.rows
        await rerun_as_told(sessions, engine, endpoint, job_id, STRICT)
        _, again = await rerun_as_told(sessions, engine, endpoint, job_id, {})
    assert again.said == before.said


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("number", [{}, {"pairs_per_item": 4}])
async def test_stored_surplus_takes_the_place_of_what_goes_and_the_target_holds(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, number: dict[str, int], *, is_exact: bool
) -> None:
    policies = {"target_pairs": 30, "filters": STRICT, **number}
    job_id = await start(sessions, settings, endpoint, 60, policies, languages=["zh"])
    if is_exact:
        await put_in_one_shard(sessions, job_id)
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        told, loose = await rerun_as_told(sessions, engine, endpoint, job_id, {}, is_exact=is_exact)
        assert loose.english == first.english or number
        assert (told["counts"]["newly_kept"], loose.counts["pairs"]) == (told["counts"]["newly_refused"], 30)
        assert loose.counts["rejected.surplus_pair"] >= first.counts["rejected.banned_word"] > 5
        other = {"rules": {"banned_word": "reject"}, "banned_words": ["bridge", "lamp", "trumpet", "gate", "boat"]}
        told, filled = await rerun_as_told(sessions, engine, endpoint, job_id, other, is_exact=is_exact)
        assert told["counts"]["newly_refused"] > 3
        assert told["counts"]["newly_kept"] > 3
        assert filled.counts["pairs"] == 30 or not filled.counts.get("rejected.surplus_pair")
        assert filled.counts["translations.zh"] == filled.counts["pairs"]
        assert max(map(len, filled.by_item.values())) <= number.get("pairs_per_item", 3)
        _, again = await rerun_as_told(sessions, engine, endpoint, job_id, {}, is_exact=is_exact)
    assert again.counts["pairs"] == 30
    assert filled.english.keys() <= again.english.keys() or number
    assert skipped_of(first) == skipped_of(again)


async def put_in_one_shard(sessions: Sessions, job_id: int) -> None:
    """Let one worker go over the items in order, as a dry run does."""
    async with sessions.begin() as session:
        whole = text(
            """
            UPDATE shard SET positions = (
                SELECT array_agg(p ORDER BY p) FROM shard s, unnest(s.positions) AS p WHERE s.job_id = :job)
            WHERE job_id = :job AND seq = 0
            """
        )
        await session.execute(whole, {"job": job_id})
        await session.execute(text("DELETE FROM shard WHERE job_id = :job AND seq > 0"), {"job": job_id})


def skipped_of(observed: Observed) -> list[Any]:
    """Items that were not asked because the target was reached."""
    return [row for row in observed.rows["state"] if row[4] == "skipped" and row[7] is None]


@pytest.mark.parametrize("kind", ["number", "target", "repair and number"])
async def test_what_people_decided_about_stays_and_has_its_place(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, kind: str
) -> None:
    everything = {"rules": {"wrong_length": "reject"}, "response_words": [900, 1000]}
    job_id = await start(sessions, settings, endpoint, 8, KINDS[kind])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        pairs = [each[-1].id for each in first.by_item.values()][:3]
        async with sessions.begin() as session:
            await edit_texts(session, [TextEdit(pairs[0], Pair("Who is it?", "A sailor."), author="ann")])
            await review_pair(session, Review(pairs[1], ("*",), "accepted"))
            await review_pair(session, Review(pairs[2], ("*",), "rejected"))
        before = await observe(sessions, job_id, endpoint)
        told, bare = await rerun_as_told(sessions, engine, endpoint, job_id, everything)
        assert told["counts"]["kept_by_hand"] == 3
        assert {n: unplaced(row) for n, row in bare.english.items()} == {
            number: unplaced(before.english[number]) for number in pairs
        }
        _, again = await rerun_as_told(sessions, engine, endpoint, job_id, {})
    assert {number: unplaced(again.english[number]) for number in pairs} == {
        number: unplaced(before.english[number]) for number in pairs
    }
    assert again.said == before.said
    assert {item: len(each) for item, each in again.by_item.items()} == {
        item: len(each) for item, each in first.by_item.items()
    }


def unplaced(row: Any) -> tuple[Any, ...]:
    """A pair without its ordinal: its texts, status, flags and revision among them."""
    return tuple(value for name, value in row._asdict().items() if name != "ordinal")


async def test_surplus_does_not_take_a_place_that_a_person_keeps(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await start(sessions, settings, endpoint, 30, KINDS["number"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        told = await preview(sessions, job_id, STRICT)
        refused = {row.id: row for row in first.english.values() if _has_banned_word(row)}
        assert len(refused) == told["counts"]["newly_refused"]
        replaced = told["counts"]["newly_kept"]
        assert replaced > 3
        async with sessions.begin() as session:
            for number in refused:
                await review_pair(session, Review(number, ("*",), "accepted"))
        told, after = await rerun_as_told(sessions, engine, endpoint, job_id, STRICT)
    assert after.english.keys() == first.english.keys()
    assert told["counts"]["kept_by_hand"] == len(refused)
    assert max(map(len, after.by_item.values())) == 4


def _has_banned_word(row: Any) -> bool:
    said = f"{row.instruction} {row.response}".lower().replace("?", " ").replace(".", " ").replace(",", " ")
    return any(f" {word} " in f" {said} " for word in STRICT["banned_words"])


async def test_what_mends_a_pair_that_a_rule_refuses_by_now_stays(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await start(sessions, settings, endpoint, 4, REPAIR, languages=["zh"])
    horses = {"rules": {"banned_word": "reject"}, "banned_words": ["horse"]}
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        assert [row.response for row in first.english.values()].count(MENDED[1]) == 4
        told, after = await rerun_as_told(sessions, engine, endpoint, job_id, horses)
    assert (told["counts"]["newly_refused"], told["counts"]["newly_kept"]) == (0, 0)
    assert after.english == first.english
    assert after.counts["rejected.banned_word"] == 4


async def test_conversations_are_counted_anew_where_rounds_go_and_come(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 12, kind="scenes.SceneNavigation")
    job_id = await order(sessions, settings, dataset_id, policies={"pairs_per_item": 7})
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = await observe(sessions, job_id, endpoint)
        _, between = await rerun_as_told(sessions, engine, endpoint, job_id, STRICT)
        assert between.said != first.said
        for each in between.by_item.values():
            assert [row.conversation for row in each] == sorted(row.conversation for row in each)
        _, again = await rerun_as_told(sessions, engine, endpoint, job_id, {})
        async with sessions.begin() as session:
            moved = text("UPDATE pair SET conversation = 6 WHERE job_id = :job AND conversation = 1")
            await session.execute(moved, {"job": job_id})
        told, again = await rerun_as_told(sessions, engine, endpoint, job_id, {})
    assert told["counts"]["items_changed"] > 3
    assert told["counts"]["newly_refused"] == told["counts"]["newly_kept"] == 0
    assert again.said == first.said
    assert [[row.conversation for row in each] for each in again.by_item.values()] == [
        [row.conversation for row in each] for each in first.by_item.values()
    ]
