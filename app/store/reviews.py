"""What people said of pairs: their verdicts, and how those of two compare."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.reading import AnyRow

# Called in the transaction that changed the pair, whose revision is read again.
_SAY = text(
    """
    INSERT INTO pair_review (job_id, pair_id, language, reviewer, verdict, note, edit_id, revision)
    SELECT p.job_id, p.id, p.language, a.reviewer, a.verdict, a.note, a.edit_id, p.revision
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:reviewers AS text[]), CAST(:verdicts AS text[]),
        CAST(:notes AS text[]), CAST(:edits AS bigint[])) AS a (pair_id, reviewer, verdict, note, edit_id)
    JOIN pair p ON p.id = a.pair_id
    ON CONFLICT (pair_id, reviewer) DO UPDATE SET verdict = excluded.verdict, note = excluded.note,
        edit_id = excluded.edit_id, revision = excluded.revision, created_at = clock_timestamp()
    """
)
_COMPARE = text(
    """
    SELECT a.reviewer, b.reviewer, a.verdict, b.verdict, count(*)
    FROM pair_review a JOIN pair_review b ON b.pair_id = a.pair_id AND a.reviewer < b.reviewer
    WHERE a.job_id = :job_id AND b.job_id = :job_id AND (CAST(:language AS text) IS NULL OR a.language = :language)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    """
)
_REVIEWERS = text(
    """
    SELECT reviewer, verdict, count(*) FROM pair_review
    WHERE job_id = :job_id AND (CAST(:language AS text) IS NULL OR language = :language) GROUP BY 1, 2 ORDER BY 1, 2
    """
)


@dataclass(frozen=True, slots=True)
class Saying:
    """A verdict about a pair: `accept`, `edit` (with the change it made) or `reject`."""

    pair_id: int
    reviewer: str
    verdict: str
    note: str | None = None
    edit_id: int | None = None


async def say(session: AsyncSession, sayings: Sequence[Saying]) -> None:
    """Keep verdicts, each reviewer's last one of a pair."""
    parameters = {
        "pairs": [saying.pair_id for saying in sayings],
        "reviewers": [saying.reviewer for saying in sayings],
        "verdicts": [saying.verdict for saying in sayings],
        "notes": [saying.note for saying in sayings],
        "edits": [saying.edit_id for saying in sayings],
    }
    await session.execute(_SAY, parameters)


async def compare_reviewers(session: AsyncSession, job_id: int, language: str | None) -> Sequence[AnyRow]:
    """(one reviewer, another, verdict of one, verdict of the other, pairs) over pairs that both have judged."""
    return (await session.execute(_COMPARE, {"job_id": job_id, "language": language})).all()


async def count_verdicts(session: AsyncSession, job_id: int, language: str | None) -> Sequence[AnyRow]:
    """(reviewer, verdict, pairs) of a job."""
    return (await session.execute(_REVIEWERS, {"job_id": job_id, "language": language})).all()
