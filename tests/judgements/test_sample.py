"""The sample that is judged."""

from pathlib import Path

from sqlalchemy import text as sql

from app.store.judged_rows import sample_items
from app.store.session import Sessions
from tests.support.orders import add_dataset, order, settings_for

ITEMS = sql("SELECT id FROM item WHERE dataset_id = :dataset ORDER BY position")
INSERT = sql(
    """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words, status)
    VALUES (:job, :item, :ordinal, 'en', 'What?', :status, 2, :status)
    """
)


async def test_the_sample_follows_its_seed_and_leaves_rejected_pairs_out(
    sessions: Sessions, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    dataset_id = await add_dataset(sessions, 6)
    settings = settings_for(database_url, redis_url, "http://127.0.0.1:1/v1", tmp_path)
    job_id = await order(sessions, settings, dataset_id)
    async with sessions.begin() as session:
        ids = (await session.execute(ITEMS, {"dataset": dataset_id})).scalars().all()
        for item_id in ids:
            for ordinal, status in enumerate(("accepted", "flagged", "rejected")):
                place = {"job": job_id, "item": item_id, "ordinal": ordinal, "status": status}
                await session.execute(INSERT, place)
    async with sessions() as session:
        sample = await sample_items(session, job_id, 2, 7)
        assert sample == await sample_items(session, job_id, 2, 7)
        assert [[posed.pair.response for posed in item.pairs] for item in sample] == [["accepted", "flagged"]] * 2
