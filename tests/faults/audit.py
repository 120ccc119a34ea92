"""What PostgreSQL itself notes about every change of a shard's lease, and the rules those notes must obey."""

from sqlalchemy import text

from app.store.session import Sessions

AUDIT = (
    "CREATE SCHEMA faults",
    """
    CREATE TABLE faults.change (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, job_id bigint, shard_id bigint,
        was text, became text, fence_was int, fence_became int, owner_was text, is_overdue boolean
    )
    """,
    """
    CREATE FUNCTION faults.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO faults.change (at, job_id, shard_id, was, became, fence_was, fence_became, owner_was, is_overdue)
        VALUES (clock_timestamp(), NEW.job_id, NEW.id, OLD.state, NEW.state, OLD.fence, NEW.fence, OLD.owner,
            OLD.state = 'leased' AND NEW.state = 'ready' AND OLD.lease_until < clock_timestamp());
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER note AFTER UPDATE ON shard FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.fence <> NEW.fence OR OLD.owner IS DISTINCT FROM NEW.owner)
    EXECUTE FUNCTION faults.note()
    """,
)
_TOUCHED = "a finished shard was touched"
_RULES = {
    "a fence fell": "SELECT count(*) FROM faults.change WHERE job_id = :job AND fence_became < fence_was",
    "a claim did not raise the fence": """
        SELECT count(*) FROM faults.change WHERE job_id = :job AND became = 'leased' AND fence_became <> fence_was + 1
    """,
    "a fence rose without a claim": """
        SELECT count(*) FROM faults.change
        WHERE job_id = :job AND fence_became > fence_was AND NOT (was = 'ready' AND became = 'leased')
    """,
    _TOUCHED: "SELECT count(*) FROM faults.change WHERE job_id = :job AND was = 'done'",
    "a call started after its fence was passed": """
        SELECT count(*) FROM call c JOIN faults.change ch ON ch.shard_id = c.shard_id AND ch.became = 'leased'
            AND ch.fence_became > c.fence AND ch.at < c.started_at
        WHERE c.job_id = :job
    """,
}
_EXPIRIES = text("SELECT count(*) FROM faults.change WHERE job_id = :job AND is_overdue")
_PASSED = text(
    """
    SELECT count(*) FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS int[])) AS held (id, fence)
    JOIN shard s ON s.id = held.id WHERE s.fence > held.fence OR s.state = 'done'
    """
)
_HELD = text("SELECT id, fence FROM shard WHERE owner = :owner AND state = 'leased'")


async def find_breaches(sessions: Sessions, job_id: int, *, reopened: bool) -> list[str]:
    """The rules of leases and fences that a job's shards broke; a job that was reopened wakes finished shards."""
    breaches = []
    async with sessions() as session:
        for name, statement in _RULES.items():
            found = (await session.execute(text(statement), {"job": job_id})).scalar_one()
            if found and not (reopened and name == _TOUCHED):
                breaches.append(f"{name} ({found} times)")
    return breaches


async def count_expiries(sessions: Sessions, job_id: int) -> int:
    """How many leases of the job ran out."""
    async with sessions() as session:
        return int((await session.execute(_EXPIRIES, {"job": job_id})).scalar_one())


async def list_held(sessions: Sessions, owner: str) -> list[tuple[int, int]]:
    """(shard, fence) of the leases a worker holds."""
    async with sessions() as session:
        return [(row[0], row[1]) for row in await session.execute(_HELD, {"owner": owner})]


async def count_passed(sessions: Sessions, leases: list[tuple[int, int]]) -> int:
    """How many of these leases somebody else has taken over since."""
    ids, fences = [lease[0] for lease in leases], [lease[1] for lease in leases]
    async with sessions() as session:
        return int((await session.execute(_PASSED, {"ids": ids, "fences": fences})).scalar_one())
