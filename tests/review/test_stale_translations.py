"""Stale translations with a worker at work: asked for only on request, paid once, replaced when the new ones come."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.errors import ConflictError, InvalidRequestError
from app.pipeline.values import Pair
from app.services.editing import TextEdit, edit_texts, undo_edit
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.services.retranslation import retranslate_job
from app.services.reviewing import Review, review_pair
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.waiting import wait_until

_ROWS = text(
    """
    SELECT id, item_id, ordinal, language, translation_of, instruction, response, status, flags FROM pair
    WHERE job_id = :job ORDER BY item_id, ordinal, language
    """
)
EDITED = Pair("What colour does the old car have?", "The old car is blue and stands beside a wall.")


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest.fixture
def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def rows_of(sessions: Sessions, job_id: int) -> dict[tuple[int, int, str], Any]:
    """Every pair by its place."""
    async with sessions() as session:
        found = await session.execute(_ROWS, {"job": job_id})
        return {(row.item_id, row.ordinal, row.language): row for row in found}


async def first_english(sessions: Sessions, job_id: int) -> int:
    async with sessions() as session:
        statement = text("SELECT min(id) FROM pair WHERE job_id = :job AND language = 'en'")
        return int((await session.execute(statement, {"job": job_id})).scalar_one())


async def edit(sessions: Sessions, pair_id: int, texts: Pair = EDITED) -> int:
    async with sessions.begin() as session:
        return (await edit_texts(session, [TextEdit(pair_id, texts, author="ann")]))[pair_id]


async def ask_again(sessions: Sessions, job_id: int, languages: list[str] | None = None) -> dict[str, int]:
    async with sessions.begin() as session:
        return (await retranslate_job(session, job_id, languages))[1]


async def flags_of(sessions: Sessions, pair_id: int) -> dict[str, list[str]]:
    async with sessions() as session:
        statement = text("SELECT language, flags FROM pair WHERE translation_of = :id")
        return {language: list(flags) for language, flags in await session.execute(statement, {"id": pair_id})}


async def test_only_stale_translations_are_asked_for_and_each_is_paid_once(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4), languages=["zh", "de"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        pair_id = await first_english(sessions, job_id)
        assert await ask_again(sessions, job_id) == {}
        assert (await state_of(sessions, job_id)).state == "completed"
        before, asked = await rows_of(sessions, job_id), (await endpoint.stats())["requests"]
        await edit(sessions, pair_id)
        assert await flags_of(sessions, pair_id) == {"zh": ["stale"], "de": ["stale"]}
        assert (await counts_of(sessions, job_id))["flag.zh.stale"] == 1
        assert await ask_again(sessions, job_id, ["zh"]) == {"zh": 1}
        assert await flags_of(sessions, pair_id) == {"zh": ["stale", "retranslating"], "de": ["stale"]}
        await counts_of(sessions, job_id)
        engine.ring()
        await finish(sessions, job_id)
        after = await rows_of(sessions, job_id)
        assert (await endpoint.stats())["requests"] == asked + 1
        assert await flags_of(sessions, pair_id) == {"zh": [], "de": ["stale"]}
        assert await ask_again(sessions, job_id, ["zh"]) == {}
    changed = [place for place, row in after.items() if row != before[place]]
    assert [language for _, _, language in changed] == ["de", "en", "zh"]
    assert {place: row.id for place, row in after.items()} == {place: row.id for place, row in before.items()}
    await counts_of(sessions, job_id)


async def test_what_a_new_translation_replaced_is_kept(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        pair_id = await first_english(sessions, job_id)
        await edit(sessions, pair_id)
        await ask_again(sessions, job_id)
        engine.ring()
        await finish(sessions, job_id)
    async with sessions() as session:
        statement = text(
            "SELECT e.response_before <> e.response_after, p.response = e.response_after, p.call_id IS NOT NULL "
            "FROM pair_edit e JOIN pair p ON p.id = e.pair_id WHERE e.kind = 'retranslation'"
        )
        assert [tuple(row) for row in await session.execute(statement)] == [(True, True, True)]


async def test_a_translation_that_a_person_wrote_is_replaced_only_where_that_is_asked_for(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    async with working(settings):
        await finish(sessions, job_id)
    rows = await rows_of(sessions, job_id)
    chinese = next(row for (_, _, language), row in rows.items() if language == "zh")
    await edit(sessions, chinese.id, Pair("这辆车是什么颜色？", "这辆车是红色的。"))
    await edit(sessions, chinese.translation_of)
    assert await ask_again(sessions, job_id) == {}
    async with sessions.begin() as session:
        assert (await retranslate_job(session, job_id, None, with_edited=True))[1] == {"zh": 1}


async def test_taking_an_edit_back_makes_its_translations_current_again(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    async with working(settings):
        await finish(sessions, job_id)
    before, pair_id = await rows_of(sessions, job_id), await first_english(sessions, job_id)
    edit_id = await edit(sessions, pair_id)
    await ask_again(sessions, job_id)
    async with sessions.begin() as session:
        await undo_edit(session, pair_id, edit_id, "ann")
    assert await flags_of(sessions, pair_id) == {"zh": []}
    assert await rows_of(sessions, job_id) == before
    await counts_of(sessions, job_id)
    async with sessions.begin() as session:
        with pytest.raises(ConflictError, match="taken back already"):
            await undo_edit(session, pair_id, edit_id)


async def test_a_translation_that_was_under_way_during_an_edit_comes_in_stale(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(answers=1)  # the pairs; their translations wait
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    async with working(settings):
        await wait_until(lambda: _is_translating(sessions, job_id), "the first translation call")
        pair_id = await first_english(sessions, job_id)
        await edit(sessions, pair_id)
        await endpoint.set_mode(answers=-1)
        await finish(sessions, job_id)
    assert await flags_of(sessions, pair_id) == {"zh": ["stale"]}
    counts = await counts_of(sessions, job_id)
    assert (counts["translations.zh"], counts["flag.zh.stale"]) == (2, 1)


async def test_reviewed_and_edited_pairs_survive_every_rerun(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 3), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        rows = list((await rows_of(sessions, job_id)).values())
        english = [row for row in rows if row.language == "en"]
        chinese = [row for row in rows if row.language == "zh"]
        await edit(sessions, english[0].id)
        async with sessions.begin() as session:
            await review_pair(session, Review(english[1].id, ("*",), "rejected"))
            await review_pair(session, Review(english[2].id, ("*",), "accepted"))
            await review_pair(session, Review(chinese[4].id, ("*",), "accepted"))
        before, asked = await rows_of(sessions, job_id), (await endpoint.stats())["requests"]
        for start in ("parse", "filter", "relate", "translate"):
            async with sessions.begin() as session:
                await act_on_job(session, job_id, "rerun", Rerun(start))
            engine.ring()
            await finish(sessions, job_id)
            after = await rows_of(sessions, job_id)
            numbers = {row.id for row in after.values()}
            assert {english[n].id for n in (0, 1, 2)} | {chinese[4].id} <= numbers
            assert sorted(map(_say, after.values())) == sorted(map(_say, before.values())), start
            await counts_of(sessions, job_id)
    assert (await endpoint.stats())["requests"] == asked


async def test_what_cannot_be_asked_for_again_is_refused(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1), languages=["zh"])
    with pytest.raises(ConflictError, match="queued"):
        await ask_again(sessions, job_id)
    with pytest.raises(InvalidRequestError) as caught:
        await ask_again(sessions, job_id, ["ja"])
    assert [fault.pointer for fault in caught.value.errors] == ["/languages/0"]


def _say(row: Any) -> tuple[Any, ...]:
    """What a pair is, whatever its number."""
    return (row.item_id, row.ordinal, row.language, row.instruction, row.response, row.status, row.flags)


async def _is_translating(sessions: Sessions, job_id: int) -> bool:
    async with sessions() as session:
        statement = text("SELECT count(*) FROM call WHERE job_id = :job AND stage = 'translate' AND state = 'started'")
        return int((await session.execute(statement, {"job": job_id})).scalar_one()) == 2
