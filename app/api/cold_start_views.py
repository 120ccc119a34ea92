"""The shapes of cold starts, for the OpenAPI document; answers are written without them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.job_views import ItemCounts, JobUsage


class ConditionView(BaseModel):
    """One thing the stop rule asks for."""

    code: Literal["round", "examples", "coverage", "held_out_score", "improvement"]
    met: bool
    wanted: float | None
    found: float | None
    message: str


class ColdStartCounts(BaseModel):
    items: int
    working: int
    held_out: int
    clusters: int


class ColdStartEntry(BaseModel):
    id: str
    object: Literal["cold_start"] = "cold_start"
    name: str
    state: Literal["open", "frozen"]
    reason: str | None = Field(description="Why an automatic cold start went no further.")
    dataset_id: str
    system_message: str
    reply_format: str
    model: str | None
    parameters: dict[str, Any]
    limits: dict[str, Any]
    vision: dict[str, Any] | None = Field(description="How rounds show pictures; null where they do not.")
    seed: int
    counts: ColdStartCounts
    stop_rule: dict[str, Any]
    automatic: dict[str, Any] | None
    prompt_id: str | None = Field(description="The frozen version.")
    created_at: str
    frozen_at: str | None


class ColdStartItem(BaseModel):
    item_id: str
    position: int
    cluster: int
    held_out: bool


class ColdStartView(ColdStartEntry):
    rounds: int
    accepted: int = Field(description="Items with an accepted example.")
    satisfactory: bool = Field(description="Whether it can be frozen.")
    conditions: list[ConditionView]
    items: list[ColdStartItem]


class ColdStartList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ColdStartEntry]
    has_more: bool
    next_cursor: str | None


class HeldOutView(BaseModel):
    items: int
    score: float | None
    scores: dict[str, float | None]


class RoundView(BaseModel):
    object: Literal["cold_start.round"] = "cold_start.round"
    number: int
    job_id: str
    prompt_id: str
    judge_job_id: str | None
    with_examples: bool
    state: str = Field(description="Of the round's job.")
    reason: str | None
    items: ItemCounts
    yield_: dict[str, Any] = Field(alias="yield")
    scores: dict[str, float | None] = Field(description="Means over the replies.")
    held_out: HeldOutView
    decisions: dict[str, int]
    usage: JobUsage
    cost_usd: float | None
    system_message: str
    examples: int
    improvement: float | None = Field(description="Of the held-out score, since the round before.")
    created_at: str


class RoundList(BaseModel):
    object: Literal["list"] = "list"
    data: list[RoundView]
    has_more: bool
    next_cursor: str | None


class CandidateView(BaseModel):
    id: str
    object: Literal["cold_start.candidate"] = "cold_start.candidate"
    cold_start_id: str
    round: int
    item_id: str
    source_id: str
    position: int
    sentences: str
    cluster: int
    held_out: bool
    state: Literal["pending", "ready", "failed"]
    detail: str | None
    pairs: list[dict[str, str]]
    conversations: list[dict[str, Any]] | None
    refused: list[dict[str, Any]]
    scores: dict[str, float | None] | None
    contradicted: list[dict[str, Any]] = Field(description="Claims that the annotation speaks against, by pair.")
    status: Literal["open", "accepted", "edited", "rejected"]
    decided_by: Literal["person", "judge", "score"] | None
    note: str | None
    verdict: dict[str, Any] | None = Field(description="What the judge said, in an automatic cold start.")
    decided_at: str | None
    etag: str


class CandidateList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CandidateView]
    has_more: bool
    next_cursor: str | None
