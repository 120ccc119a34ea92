"""Calls beside the first about each item: to have wrong pairs written again, and for pairs that are missing."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.grounding import read_grounding
from app.pipeline.quotas import FURTHER_CALLS
from app.services.planning import JobRequest

DEFAULT_REPAIR_SHARE = 0.25
"""Of the items, where no earlier job tells; chosen, not measured."""

_SAMPLE_CALLS = 1_000
_REPAIRED = text(
    """
    WITH earlier AS (
        SELECT id FROM job WHERE model = :model AND prompt_id = :prompt_id
            AND policies -> 'grounding' ->> 'policy' = 'repair' AND NOT policies ? 'pairs_per_item'
            AND EXISTS (SELECT 1 FROM call c WHERE c.job_id = job.id AND c.state IN ('ok', 'recovered'))
        ORDER BY id DESC LIMIT 1
    ), asked AS (
        SELECT DISTINCT job_id, item_id FROM (
            SELECT c.job_id, c.item_id FROM earlier JOIN call c ON c.job_id = earlier.id
            WHERE c.stage = 'generate' AND c.state IN ('ok', 'recovered') ORDER BY c.id DESC LIMIT :sample
        ) AS newest
    )
    SELECT avg(CASE WHEN calls > 1 THEN 1.0 ELSE 0.0 END)::float FROM (
        SELECT count(*) AS calls FROM asked JOIN call c ON c.job_id = asked.job_id AND c.item_id = asked.item_id
        WHERE c.stage = 'generate' AND c.state IN ('ok', 'recovered') GROUP BY asked.item_id
    ) AS counted
    """
)


@dataclass(frozen=True, slots=True)
class ExtraCalls:
    """How many there are in the typical and in the pessimistic case.

    most: further calls about an item; share: of the items with a repair in the typical case, None where there is none;
    basis: whence the share is known
    """

    repairs: tuple[int, int]
    further: tuple[int, int]
    most: int
    share: float | None = None
    basis: str | None = None

    def describe(self) -> dict[str, Any]:
        """What the numbers are made from, as JSON."""
        return {
            "further_calls_per_item_at_most": self.most,
            "repair_share": self.share,
            "repair_share_from": self.basis,
        }


async def foresee_extra_calls(
    session: AsyncSession, request: JobRequest, model: str, prompt_id: int, items: int
) -> ExtraCalls:
    """Each item is asked at most once to mend its pairs, which is one of its further calls where it has these."""
    repairs = read_grounding(request.policies.get("grounding")).policy == "repair"
    most = FURTHER_CALLS if request.policies.get("pairs_per_item") is not None else 0
    further = (0, items * max(0, most - repairs))
    if not repairs:
        return ExtraCalls((0, 0), further, most)
    values: dict[str, Any] = {"model": model, "prompt_id": prompt_id, "sample": _SAMPLE_CALLS}
    seen: float | None = (await session.execute(_REPAIRED, values)).scalar_one()
    share, basis = (DEFAULT_REPAIR_SHARE, "a default") if seen is None else (seen, "an earlier job")
    return ExtraCalls((round(items * share), items), further, most, round(share, 4), basis)
