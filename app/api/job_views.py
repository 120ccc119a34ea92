"""The shapes of jobs and of what they leave behind, for the OpenAPI document; answers are written without them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

VOLATILE_FIELDS = frozenset({"eta_seconds"})  # change with the clock alone: no reason for another ETag or event


class ItemCounts(BaseModel):
    """They add up: total = pending + done + failed + poison + skipped."""

    total: int
    pending: int
    done: int
    failed: int
    poison: int
    skipped: int


class JobCounts(BaseModel):
    items: ItemCounts
    pairs: int
    missing_pairs: int | None = Field(description="Of the pairs that were asked for; None where no number was.")
    short_items: int = Field(description="Items that ended with fewer pairs than `pairs_per_item`.")
    rejected: int
    rejected_by_reason: dict[str, int]
    translations: dict[str, int] = Field(description="Stored translations by language.")
    translated_pairs: dict[str, int]
    translations_refused: int
    translations_refused_by_reason: dict[str, int]


class JobUsage(BaseModel):
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


class JobView(BaseModel):
    id: str
    object: Literal["job"] = "job"
    state: str
    reason: str | None
    dataset_id: str
    prompt_id: str
    model: str
    parameters: dict[str, Any]
    languages: list[str]
    stages: list[str]
    mode: str
    vision: dict[str, Any] | None = Field(description="How pictures are shown; None where they are not.")
    slice: dict[str, Any]
    limits: dict[str, Any]
    relation_rule: str = Field(description="Which pairs relate to a pair.")
    policies: dict[str, Any] = Field(description="How pairs are asked for, judged and counted, as ordered.")
    counts: JobCounts
    usage: JobUsage
    cost_usd: float | None = Field(description="None where no price is known for the model.")
    eta_seconds: float | None
    metadata: dict[str, Any]
    created_at: str
    queued_at: str | None
    started_at: str | None
    paused_at: str | None
    finished_at: str | None
    deadline_at: str | None


class JobList(BaseModel):
    object: Literal["list"] = "list"
    data: list[JobView]
    has_more: bool
    next_cursor: str | None


class JobItemView(BaseModel):
    object: Literal["job_item"] = "job_item"
    item_id: str
    source_id: str
    position: int
    stage: str
    ordinal: int = Field(description="Of the pair, in the stage translate.")
    state: Literal["pending", "done", "failed", "poison", "skipped"]
    code: str | None
    detail: str | None
    call_id: str | None
    created_at: str | None


class JobItemList(BaseModel):
    object: Literal["list"] = "list"
    data: list[JobItemView]
    has_more: bool
    next_cursor: str | None


class RejectionView(BaseModel):
    id: str
    object: Literal["rejection"] = "rejection"
    job_id: str
    item_id: str
    source_id: str | None
    stage: str
    ordinal: int
    language: str
    reason: str
    detail: str
    instruction: str | None
    response: str | None
    text: str | None = Field(description="The raw piece where no pair could be read.")
    call_id: str | None
    created_at: str


class RejectionList(BaseModel):
    object: Literal["list"] = "list"
    data: list[RejectionView]
    has_more: bool
    next_cursor: str | None


class CallView(BaseModel):
    id: str
    object: Literal["call"] = "call"
    job_id: str
    item_id: str | None = Field(description="None for requests that are about no single item.")
    stage: str
    ordinal: int
    languages: list[str]
    state: Literal["started", "stored", "ok", "superseded", "failed", "unknown", "recovered"]
    worker: str
    http_status: int | None
    finish_reason: str | None
    error_code: str | None
    error_detail: str | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: float
    latency_ms: int | None
    started_at: str
    finished_at: str | None


class CallList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CallView]
    has_more: bool
    next_cursor: str | None
