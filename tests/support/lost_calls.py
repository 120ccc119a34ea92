"""Calls of a worker that died: what it asked, what came back too late, and what became of the calls."""

import orjson
from sqlalchemy import text

from app.store.calls import Intent, intend_calls
from app.store.session import Sessions
from app.store.shards import claim_shard

DEAD = "dead-worker"


def reply(*questions: str) -> bytes:
    """A completion whose pairs answer these questions."""
    pairs = [{"instruction": question, "response": f"It is about {question}"} for question in questions]
    message = {"role": "assistant", "content": orjson.dumps({"pairs": pairs}).decode()}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})


async def open_call(sessions: Sessions, job_id: int) -> int:
    """A call of a worker that then dies: the intent stands, nothing came back. Answers the call's id."""
    async with sessions.begin() as session:
        await session.execute(text("UPDATE job SET state = 'in_progress' WHERE id = :job"), {"job": job_id})
        shard_id = (
            await session.execute(text("SELECT min(id) FROM shard WHERE job_id = :job"), {"job": job_id})
        ).scalar_one()
        lease = await claim_shard(session, shard_id, DEAD, 60.0)
        assert lease is not None
        item_id = (await session.execute(text("SELECT min(id) FROM item"))).scalar_one()
        intent = Intent(job_id, lease.shard_id, lease.fence, "generate", item_id, 0, (), 0, 0)
        (call_id,) = await intend_calls(session, [intent], DEAD)
        assert call_id is not None
        return call_id


async def call_states(sessions: Sessions) -> dict[str, int]:
    async with sessions() as session:
        rows = await session.execute(text("SELECT state, count(*) FROM call GROUP BY state"))
        return dict(rows.all())
