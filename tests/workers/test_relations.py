"""Relations by the rules that look at items, on real PostgreSQL with a working engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.relations import prune_manual_relations
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, finish, order, settings_for, state_of, working

PAIRS = 3
_RELATIONS = text(
    """
    SELECT i.position, p.ordinal, r.rule,
        ARRAY(
            SELECT oi.position * 10 + o.ordinal FROM unnest(r.related_pair_ids) WITH ORDINALITY AS link (id, place)
            JOIN pair o ON o.id = link.id JOIN item oi ON oi.id = o.item_id ORDER BY link.place
        )
    FROM pair p JOIN item i ON i.id = p.item_id LEFT JOIN relation r ON r.pair_id = p.id
    WHERE p.job_id = :job AND p.language = 'en' ORDER BY 1, 2
    """
)


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=PAIRS) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, shard_items=1)


async def relations_of(sessions: Sessions, job_id: int) -> dict[int, tuple[str, list[int]]]:
    """Rule and related pairs by pair; a pair is named 10 × position + ordinal."""
    async with sessions() as session:
        rows = await session.execute(_RELATIONS, {"job": job_id})
        return {position * 10 + ordinal: (rule, list(others)) for position, ordinal, rule, others in rows}


async def relate_job(sessions: Sessions, settings: Settings, rule: str | None) -> dict[int, tuple[str, list[int]]]:
    """The relations of a job over four items; two neighbours share an image, the first and the last their source."""
    dataset_id = await add_dataset(sessions, 4, shared_images=2)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE item SET source_id = 'clip' WHERE position IN (0, 3)"))
    job_id = await order(sessions, settings, dataset_id, relation_rule=rule)
    async with working(settings):
        await finish(sessions, job_id)
    return await relations_of(sessions, job_id)


@pytest.mark.parametrize(
    ("rule", "groups"),
    [
        ("none", [[place] for place in (0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32)]),
        ("same_images", [[0, 1, 2, 10, 11, 12], [20, 21, 22, 30, 31, 32]]),
        ("same_source", [[0, 1, 2, 30, 31, 32], [10, 11, 12], [20, 21, 22]]),
    ],
)
async def test_pairs_of_a_group_are_related_across_shards(
    sessions: Sessions, settings: Settings, rule: str, groups: list[list[int]]
) -> None:
    found = await relate_job(sessions, settings, rule)
    wanted = {pair: (rule, [other for other in group if other != pair]) for group in groups for pair in group}
    assert found == wanted


async def test_a_round_is_related_to_the_rounds_before_it(sessions: Sessions, settings: Settings) -> None:
    found = await relate_job(sessions, settings, "earlier_rounds")
    assert {pair: others for pair, (_, others) in found.items() if pair < 20} == {
        0: [],
        1: [0],
        2: [0, 1],
        10: [],
        11: [10],
        12: [10, 11],
    }


async def test_the_rule_of_the_kind_is_the_job_s_unless_it_names_another(
    sessions: Sessions, settings: Settings
) -> None:
    dataset_id = await add_dataset(sessions, 2, kind="change.SpotTheDifference")
    given = await order(sessions, settings, dataset_id)
    named = await order(sessions, settings, dataset_id, relation_rule="same_source")
    assert (await state_of(sessions, given)).relation_rule == "none"
    assert (await state_of(sessions, named)).relation_rule == "same_source"


async def test_a_rerun_relates_by_another_rule_without_a_call(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4, shared_images=4), languages=["zh"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        asked = (await endpoint.stats())["requests"]
        for rule, most in (("none", 0), ("earlier_rounds", 2), ("same_images", 11)):
            async with sessions.begin() as session:
                await act_on_job(session, job_id, "rerun", Rerun("relate", rule))
            engine.ring()
            await finish(sessions, job_id)
            found = await relations_of(sessions, job_id)
            assert {name for name, _ in found.values()} == {rule}
            assert max(len(others) for _, others in found.values()) == most
    assert (await endpoint.stats())["requests"] == asked
    assert (await state_of(sessions, job_id)).relation_rule == "same_images"


async def test_a_rerun_keeps_what_a_person_chose_unless_told_otherwise(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2, shared_images=2))
    async with working(settings) as engine:
        await finish(sessions, job_id)
        async with sessions.begin() as session:
            await session.execute(
                text(
                    "UPDATE relation SET rule = 'manual', related_pair_ids = '{}'"
                    " WHERE pair_id = (SELECT min(id) FROM pair WHERE item_id = (SELECT min(item_id) FROM pair))"
                )
            )
        for keep, manual in ((True, 1), (False, 0)):
            async with sessions.begin() as session:
                await act_on_job(session, job_id, "rerun", Rerun("relate", keep_manual=keep))
            engine.ring()
            await finish(sessions, job_id)
            rules = [rule for rule, _ in (await relations_of(sessions, job_id)).values()]
            assert (rules.count("manual"), rules.count("same_images")) == (manual, 6 - manual)


async def test_pairs_that_are_gone_leave_what_a_person_chose(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    async with working(settings):
        await finish(sessions, job_id)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE relation SET rule = 'manual'"))
        await session.execute(text("DELETE FROM pair WHERE ordinal = 1"))
        await prune_manual_relations(session, job_id)
    assert await relations_of(sessions, job_id) == {0: ("manual", [2]), 2: ("manual", [0])}
    async with sessions() as session:
        lengths = await session.execute(text("SELECT cardinality(related_pair_ids) FROM relation"))
        assert list(lengths.scalars()) == [1, 1]
