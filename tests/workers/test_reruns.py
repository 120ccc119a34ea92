"""A job run again by other rules: told before, then done exactly so, without a call, around what people decided."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio
from sqlalchemy import text

from app.pipeline.values import Pair
from app.services.editing import TextEdit, edit_texts, undo_edit
from app.services.reviewing import Review, review_pair
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.reruns import preview, rerun

STRICT = {
    "rules": {"banned_word": "reject"},
    "banned_words": ["bicycle", "kite", "ladder", "red", "blue", "the river bank"],
}
MARKED = {"rules": {"banned_word": "flag"}, "banned_words": STRICT["banned_words"]}
_ROWS = {
    "pair": "SELECT * FROM pair WHERE job_id = :job ORDER BY id",
    "finding": "SELECT * FROM pair_finding WHERE job_id = :job ORDER BY id",
    "edit": "SELECT * FROM pair_edit WHERE job_id = :job ORDER BY id",
    "rejection": "SELECT * FROM rejection WHERE job_id = :job ORDER BY id",
    "state": "SELECT * FROM item_state WHERE job_id = :job ORDER BY stage, item_id, sample",
    "call": "SELECT * FROM call WHERE job_id = :job ORDER BY id",
    "relation": "SELECT * FROM relation WHERE job_id = :job ORDER BY pair_id",
    "tally": "SELECT key, sum(n) FROM tally WHERE job_id = :job GROUP BY key HAVING sum(n) <> 0 ORDER BY key",
    "job": "SELECT state, policies FROM job WHERE id = :job",
}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def rows_of(sessions: Sessions, job_id: int, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored of a job."""
    async with sessions() as session:
        return {
            table: [tuple(row) for row in await session.execute(text(_ROWS[table]), {"job": job_id})]
            for table in tables or _ROWS
        }


async def texts_of(sessions: Sessions, job_id: int) -> dict[int, tuple[int, int, str, str, str]]:
    """English pairs by id: item, ordinal, texts and status."""
    statement = text(
        "SELECT id, item_id, ordinal, instruction, response, status FROM pair WHERE job_id = :job AND language = 'en'"
    )
    async with sessions() as session:
        return {row[0]: tuple(row[1:]) for row in await session.execute(statement, {"job": job_id})}


async def test_a_dry_run_tells_and_changes_nothing_and_the_rerun_does_exactly_that(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 60), languages=["zh", "ar"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        before, asked = await rows_of(sessions, job_id), (await endpoint.stats())["requests"]
        told = await preview(sessions, job_id, STRICT)
        assert await rows_of(sessions, job_id) == before
        gone = {example["pair_id"] for example in told["examples"]}
        assert 20 < len(gone) == told["counts"]["newly_refused"] < 170
        assert told["counts"]["pairs_after"] == told["counts"]["pairs_before"] - len(gone)
        assert told["by_rule"] == [
            {
                "rule": "banned_word", "newly_refused": len(gone), "newly_kept": 0, "newly_flagged": 0,
                "no_longer_flagged": 0, "repaired_differently": 0,
            }
        ]  # fmt: skip
        first = await texts_of(sessions, job_id)
        await rerun(sessions, engine, job_id, STRICT)
        left = await texts_of(sessions, job_id)
        assert (await endpoint.stats())["requests"] == asked
    assert len(first) - len(left) == len(gone)
    assert {number: row[2:] for number, row in left.items()} == {number: first[number][2:] for number in left}
    counts = await counts_of(sessions, job_id)
    assert (counts["pairs"], counts["translations.zh"], counts["rejected"]) == (len(left), len(left), len(gone))
    assert counts["items.failed"] == told["counts"]["items_newly_failed"] > 0
    assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
    _check_ordinals(left)


async def test_rules_turned_back_bring_back_all_there_was_without_a_call(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 60), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first, asked = await texts_of(sessions, job_id), (await endpoint.stats())["requests"]
        counts = await counts_of(sessions, job_id)
        await rerun(sessions, engine, job_id, STRICT)
        told = await preview(sessions, job_id, {})
        assert told["counts"]["newly_kept"] == len(first) - len(await texts_of(sessions, job_id)) > 20
        assert {example["rule"] for example in told["examples"]} == {"banned_word"}
        await rerun(sessions, engine, job_id, {})
        again = await texts_of(sessions, job_id)
        assert (await endpoint.stats())["requests"] == asked
    assert sorted(again.values()) == sorted(first.values())
    assert await counts_of(sessions, job_id) == counts


async def test_flags_follow_the_rules_and_their_findings_with_them(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 40))
    async with working(settings) as engine:
        await finish(sessions, job_id)
        told = await preview(sessions, job_id, MARKED)
        await rerun(sessions, engine, job_id, MARKED)
        flagged = {n for n, row in (await texts_of(sessions, job_id)).items() if row[4] == "flagged"}
        assert len(flagged) == told["counts"]["newly_flagged"] > 10
        counts = await counts_of(sessions, job_id)
        assert counts["flag.en.banned_word"] == len(flagged)
        back = await preview(sessions, job_id, {})
        assert back["counts"]["no_longer_flagged"] == len(flagged)
        await rerun(sessions, engine, job_id, {})
    assert (await rows_of(sessions, job_id, "finding"))["finding"] == []
    assert {row[4] for row in (await texts_of(sessions, job_id)).values()} == {"accepted"}
    await counts_of(sessions, job_id)


async def test_what_people_decided_stays_whatever_the_rules_say(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 20))
    everything = {"rules": {"wrong_length": "reject"}, "response_words": [900, 1000]}
    async with working(settings) as engine:
        await finish(sessions, job_id)
        edited, accepted, rejected = sorted(await texts_of(sessions, job_id))[:3]
        async with sessions.begin() as session:
            await edit_texts(session, [TextEdit(edited, Pair("Who is it?", "A sailor."), author="ann")])
            await review_pair(session, Review(accepted, ("*",), "accepted"))
            await review_pair(session, Review(rejected, ("*",), "rejected"))
        before = await texts_of(sessions, job_id)
        told = await preview(sessions, job_id, everything)
        assert (told["counts"]["newly_refused"], told["counts"]["kept_by_hand"]) == (57, 3)
        await rerun(sessions, engine, job_id, everything)
        assert {n: row[2:] for n, row in (await texts_of(sessions, job_id)).items()} == {
            number: before[number][2:] for number in (edited, accepted, rejected)
        }
        await rerun(sessions, engine, job_id, {})
        after = await texts_of(sessions, job_id)
    assert {number: after[number] for number in (edited, accepted, rejected)} == {
        number: before[number] for number in (edited, accepted, rejected)
    }
    assert len(after) == 60
    _check_ordinals(after)
    await counts_of(sessions, job_id)


async def test_a_repair_that_was_taken_back_is_not_done_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    pair = {"instruction": "Question: What stands there?", "response": "A  tall lamp stands there."}
    await endpoint.set_mode(says=orjson.dumps({"pairs": [pair]}).decode())
    job_id = await order(sessions, settings, await add_dataset(sessions, 3))
    async with working(settings) as engine:
        await finish(sessions, job_id)
        mended = await texts_of(sessions, job_id)
        assert {row[2:4] for row in mended.values()} == {("What stands there?", "A tall lamp stands there.")}
        edits = (await rows_of(sessions, job_id, "edit"))["edit"]
        assert len(edits) == 6
        number = min(mended)
        async with sessions.begin() as session:
            statement = text("SELECT id FROM pair_edit WHERE pair_id = :id AND rule = 'white_space'")
            edit_id = (await session.execute(statement, {"id": number})).scalar_one()
            await undo_edit(session, number, edit_id, "ann")
        await rerun(sessions, engine, job_id)
        await rerun(sessions, engine, job_id, {"rules": {"leftover_label": "off"}})
        after = await texts_of(sessions, job_id)
    assert after[number][2:4] == ("What stands there?", "A  tall lamp stands there.")
    others = {row[2:4] for n, row in after.items() if n != number}
    assert others == {("Question: What stands there?", "A tall lamp stands there.")}
    rules = text("SELECT DISTINCT rule FROM pair_edit WHERE kind = 'repair' AND pair_id <> :id")
    async with sessions() as session:
        assert list((await session.execute(rules, {"id": number})).scalars()) == ["white_space"]
    assert await counts_of(sessions, job_id)


async def test_a_pair_whose_edit_was_taken_back_is_known_again_however_it_was_mended(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    pair = {"instruction": "What stands there?", "response": "A  tall lamp number 7 stands there."}
    await endpoint.set_mode(says=orjson.dumps({"pairs": [pair]}).decode())
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        (number,) = first = await texts_of(sessions, job_id)
        async with sessions.begin() as session:
            edited = await edit_texts(session, [TextEdit(number, Pair("Who is it?", "A sailor."), author="ann")])
            await undo_edit(session, number, edited[number], "ann")
        assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
        await rerun(sessions, engine, job_id, {"rules": {"white_space": "off"}})
        assert (await texts_of(sessions, job_id))[number][3] == pair["response"]
        assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
        await rerun(sessions, engine, job_id, {})
    assert await texts_of(sessions, job_id) == first
    assert (await counts_of(sessions, job_id))["translations.zh"] == 1


async def test_a_translation_of_a_text_that_is_mended_otherwise_stays_and_is_marked_stale(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    pair = {"instruction": "What stands  there?", "response": "A lamp number 7 stands there."}
    await endpoint.set_mode(says=orjson.dumps({"pairs": [pair]}).decode())
    job_id = await order(sessions, settings, await add_dataset(sessions, 2), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        asked = (await endpoint.stats())["requests"]
        await rerun(sessions, engine, job_id, {"rules": {"white_space": "off"}})
        assert (await counts_of(sessions, job_id))["flag.zh.stale"] == 2
        await rerun(sessions, engine, job_id, {})
        assert (await endpoint.stats())["requests"] == asked
    assert "flag.zh.stale" not in await counts_of(sessions, job_id)


async def test_a_rerun_keeps_the_policy_it_was_given(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2), policies={"filters": MARKED})
    async with working(settings) as engine:
        await finish(sessions, job_id)
        await rerun(sessions, engine, job_id)
        assert (await state_of(sessions, job_id)).policies == {"filters": MARKED}
        await rerun(sessions, engine, job_id, STRICT)
    assert (await state_of(sessions, job_id)).policies == {"filters": STRICT}


def _check_ordinals(pairs: dict[int, tuple[int, int, str, str, str]]) -> None:
    """The pairs of each item are counted from 0 without gaps."""
    by_item: dict[int, list[int]] = {}
    for row in pairs.values():
        by_item.setdefault(row[0], []).append(row[1])
    assert all(sorted(ordinals) == list(range(len(ordinals))) for ordinals in by_item.values())
