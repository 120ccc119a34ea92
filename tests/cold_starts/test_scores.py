"""Scores of candidates: made beside the loop, once, and kept for as long as the reply is the same."""

import asyncio
from typing import Any

from sqlalchemy import text

from app.pipeline.candidate_scores import Reply, read_scores, score_reply
from app.pipeline.values import Pair
from app.services.cold_starts.scoring import Subject, assess, assess_beside, recall
from app.store.session import Sessions
from tests.cold_starts.conftest import Desk

PAIRS = (Pair("What has changed?", "Two people have left."), Pair("What is new?", "A red car stands by the gate."))
SUBJECT = Subject(Reply(PAIRS), "one person has left\na blue car stands by the gate", 2)

_MARK = text(
    """
    UPDATE cold_start_candidate
    SET scored = jsonb_set(jsonb_set(scored, '{scores,parses}', '0.125'), '{contradicted}', '[{"pair": 9}]')
    """
)
_COUNT = text("SELECT count(*) FILTER (WHERE scored IS NULL), count(*) FROM cold_start_candidate")


async def count(sessions: Sessions) -> tuple[int, int]:
    async with sessions() as session:
        row = (await session.execute(_COUNT)).one()
    return row[0], row[1]


async def test_scores_are_made_when_somebody_looks_and_read_from_then_on(desk: Desk, sessions: Sessions) -> None:
    cold_start = await desk.begin(items=6, held_out=2)
    await desk.run_round(cold_start)
    assert await count(sessions) == (6, 6)
    path = f"/cold-starts/{cold_start['id']}"
    before = (await desk.house.get(f"{path}/rounds"))["data"][0]
    assert await count(sessions) == (0, 6)
    assert (await desk.house.get(f"{path}/rounds"))["data"][0] == before

    async with sessions.begin() as session:
        await session.execute(_MARK)
    assert (await desk.house.get(f"{path}/rounds"))["data"][0]["scores"]["parses"] == 0.125
    found = await desk.candidates(cold_start, "&held_out=false")
    assert {each["scores"]["parses"] for each in found} == {0.125}
    assert found[0]["contradicted"] == [{"pair": 9}]

    own = [{"instruction": "What has changed?", "response": f"Now {found[0]['sentences'].splitlines()[0]}."}]
    edited = (await desk.decide(found[0], None, pairs=own)).json()
    assert (edited["scores"]["parses"], edited["contradicted"]) == (1, [])
    assert (await desk.house.get(f"/candidates/{edited['id']}"))["etag"] == edited["etag"]


async def test_the_loop_answers_others_while_replies_are_scored() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    made = await assess_beside([SUBJECT] * 20)
    ticking.cancel()
    assert ticks > 0
    assert made == [assess(SUBJECT)] * 20


def test_what_is_kept_is_what_was_made_and_holds_for_that_reply_alone() -> None:
    made = assess(SUBJECT)
    assert made.contradicted
    kept = made.describe(SUBJECT)
    assert recall(kept, SUBJECT) == made
    assert recall(None, SUBJECT) is None
    others: list[Any] = [
        Subject(Reply(PAIRS[:1]), SUBJECT.sentences, 2),
        Subject(Reply(PAIRS, flagged=1), SUBJECT.sentences, 2),
        Subject(Reply(PAIRS), "another annotation", 2),
        Subject(Reply(PAIRS), SUBJECT.sentences, 3),
    ]
    assert [recall(kept, each) for each in others] == [None] * len(others)


def test_scores_are_read_as_they_were_described() -> None:
    described = score_reply(Reply(PAIRS), SUBJECT.sentences).describe()
    assert read_scores(described).describe() == described
    assert described["grounding"] is None
