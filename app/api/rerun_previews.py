"""Reruns that only say what they would change."""

from functools import partial
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.deps import begin_reading
from app.api.pages import Page, answer_json, list_page
from app.resources import Resources
from app.services.rerun_previews import Wanted, preview_rerun, show_preview
from app.services.reruns import Rerun, plan_preview
from app.store.jobs import get_job
from app.store.rereading import list_positions

Direction = Literal["newly_refused", "newly_kept", "newly_flagged", "no_longer_flagged", "repaired_differently"]


class PreviewCounts(BaseModel):
    """Sums over the job; a pair that changes in two ways counts in both."""

    replies: int
    items_changed: int
    items_newly_done: int
    items_newly_failed: int
    pairs_before: int
    pairs_after: int
    newly_refused: int
    newly_kept: int
    newly_flagged: int
    no_longer_flagged: int
    repaired_differently: int
    kept_by_hand: int = Field(description="Pairs that the rules would change, and that stay as people left them.")


class RuleCounts(BaseModel):
    """What one rule changes; `parser` stands for a reply that is read in another way."""

    rule: str
    newly_refused: int
    newly_kept: int
    newly_flagged: int
    no_longer_flagged: int
    repaired_differently: int


class PreviewOther(BaseModel):
    """The earlier pair that a pair is like; `pair_id` is null where that one is not there yet."""

    pair_id: str | None
    item_id: str | None
    instruction: str | None
    likeness: float = Field(description="From 0 to 1.")


class PreviewExample(BaseModel):
    direction: Direction
    rule: str
    detail: str
    item_id: str
    position: int
    pair_id: str | None
    before: dict[str, Any] | None = Field(description="instruction, response, status and flags, as they stand.")
    after: dict[str, Any] | None = Field(description="The same, as they would be.")
    diff: dict[str, Any] | None = Field(description="Of both halves: steps that are equal, deleted or inserted.")
    other: PreviewOther | None = Field(description="For rules that compare the whole job: what the pair is like.")


class PreviewExamples(BaseModel):
    object: Literal["list"] = "list"
    data: list[PreviewExample]
    has_more: bool
    next_cursor: str | None


class RerunPreview(BaseModel):
    """What a rerun would change."""

    object: Literal["rerun.preview"] = "rerun.preview"
    job_id: str
    from_: str = Field(alias="from")
    filters: dict[str, Any]
    calls: Literal[0] = Field(description="Calls that reading the stored replies takes.")
    counts: PreviewCounts
    translations_to_ask_for: int = Field(description="Translations that pairs lack which are newly kept.")
    by_rule: list[RuleCounts]
    examples: PreviewExamples


async def answer_preview(
    request: Request, resources: Resources, job_id: int, rerun: Rerun, wanted: Wanted, page: Page
) -> Response:
    """Read all stored replies of a job and count.

    These are many short reads. Only where rules of the whole job matter a transaction stays open meanwhile: its
    tables are its own, it locks nothing, and it is taken back.
    """
    async with begin_reading(resources) as session:
        context = await plan_preview(session, await get_job(session, job_id), rerun)
        positions = await list_positions(session, job_id)
    preview = await preview_rerun(partial(begin_reading, resources), context, positions, wanted)
    numbers = [number for number, _ in preview.examples]
    examples, headers = list_page(request, page, [shown for _, shown in preview.examples], numbers)
    return answer_json({**show_preview(preview, context, rerun.start or ""), "examples": examples}, headers=headers)
