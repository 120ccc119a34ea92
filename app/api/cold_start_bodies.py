"""What clients send about cold starts."""

from typing import Any, Literal

from pydantic import Field

from app.api.deps import Body
from app.api.jobs import LimitsBody, VisionBody


class StopRuleBody(Body):
    """When the prompt is good enough; null asks for nothing."""

    examples: int = Field(4, ge=1, le=50, description="At least so many accepted examples.")
    coverage: float = Field(0.75, ge=0, le=1, description="Share of the clusters of items that have one.")
    held_out_score: float | None = Field(0.8, ge=0, le=1, description="Mean score on the items held out.")
    improvement: float | None = Field(
        0.05, ge=0, le=1, description="How much that mean may still move from one round to the next."
    )


class AutomaticBody(Body):
    """Decisions without a person."""

    judge_model: str | None = Field(
        None, min_length=1, max_length=200, description="A model that judges each candidate; by score without one."
    )
    accept_score: float = Field(0.8, ge=0, le=1, description="Without a judge: accept from this overall score on.")
    max_rounds: int = Field(4, ge=1, le=20)


class ColdStartBody(Body):
    """What to begin; everything but the dataset and the name has a default."""

    dataset_id: str
    name: str = Field(description="The frozen prompt will bear it.")
    system_message: str | None = Field(None, description="That of the kind's own prompt by default.")
    reply_format: Literal["json", "text"] = "json"
    items: int | None = Field(None, ge=2, le=200, description="How many in all; 24 by default.")
    held_out: int | None = Field(None, ge=1, le=199, description="How many of them only measure; a quarter by default.")
    item_ids: list[str] = Field(default_factory=list, max_length=200, description="Items chosen by hand.")
    seed: int | None = Field(None, ge=0, le=2**63 - 1)
    model: str | None = Field(None, min_length=1, max_length=200)
    parameters: dict[str, Any] = Field(default_factory=dict)
    limits: LimitsBody = Field(
        default_factory=lambda: LimitsBody.model_construct(), description="Of the job of each round."
    )
    vision: bool | VisionBody = Field(False, description="Show the model the pictures of each item.")
    stop_rule: StopRuleBody = Field(default_factory=lambda: StopRuleBody.model_validate({}))
    automatic: AutomaticBody | None = None


class StopRuleChange(Body):
    """Only what is given changes."""

    examples: int | None = Field(None, ge=1, le=50)
    coverage: float | None = Field(None, ge=0, le=1)
    held_out_score: float | None = Field(None, ge=0, le=1)
    improvement: float | None = Field(None, ge=0, le=1)


class ColdStartChange(Body):
    name: str | None = None
    system_message: str | None = None
    stop_rule: StopRuleChange | None = None


class GenerateBody(Body):
    """How the next round asks."""

    with_examples: bool = Field(False, description="Show the accepted examples; their items are then left out.")
    limits: LimitsBody = Field(
        default_factory=lambda: LimitsBody.model_construct(), description="In place of those of the cold start."
    )


class CandidateChange(Body):
    """A decision by `status`, an edit (the whole reply as it shall stand in the prompt), or just a note."""

    status: Literal["open", "accepted", "edited", "rejected"] | None = None
    pairs: list[dict[str, Any]] | None = Field(None, description="[{instruction, response}, …]")
    conversations: list[dict[str, Any]] | None = Field(
        None, description="[{title, reason, rounds: [{instruction, response}, …]}, …] for kinds of conversations."
    )
    note: str | None = Field(None, max_length=10_000)
