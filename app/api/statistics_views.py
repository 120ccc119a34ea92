"""The shapes of statistics, for the OpenAPI document; answers are written without them."""

from typing import Literal

from pydantic import BaseModel, Field

from app.api.job_views import ItemCounts


class BinView(BaseModel):
    """Values from `from` to `to`, both included; the last bin is open (`to` null) where it takes a long tail in."""

    from_: int = Field(alias="from")
    to: int | None
    n: int


class DistributionView(BaseModel):
    """Numbers: how many, their mean and quantiles, and a histogram."""

    n: int
    mean: float
    min: int
    max: int
    p05: int
    p25: int
    median: int
    p75: int
    p95: int
    p99: int
    bins: list[BinView]


class LanguageView(BaseModel):
    language: str
    pairs: int
    unique_instructions: int | None
    unit: Literal["words", "characters"]
    instruction: DistributionView | None
    response: DistributionView | None


class NounView(BaseModel):
    noun: str
    n: int


class VerbView(BaseModel):
    verb: str
    n: int
    nouns: list[NounView]
    other: int = Field(description="Texts with another noun, or none.")


class RootsView(BaseModel):
    """Root verbs and their nouns; where `sampled`, each n is an estimate for all texts from those that were parsed."""

    texts: int
    parsed: int
    sampled: bool
    with_verb: int
    verbs: list[VerbView]
    other_verbs: int


class RootsOfBothView(BaseModel):
    instruction: RootsView | None
    response: RootsView | None


class TableRowView(BaseModel):
    dataset_id: str
    dataset: str
    abbreviation: str
    kind: str | None
    items: int
    images: int
    instructions: int
    unique_instructions: int | None


class YieldView(BaseModel):
    items: ItemCounts
    pairs: int
    rejected: int
    translations: dict[str, int]
    pairs_per_item: float | None = Field(description="Accepted pairs for each item that is done.")
    accepted_share: float | None = Field(description="Accepted pairs of all that the replies held.")
    done_share: float | None = Field(description="Items done of all that ended.")


class ReasonsView(BaseModel):
    total: int
    by_reason: dict[str, int]


class RejectionsView(BaseModel):
    pairs: ReasonsView
    translations: ReasonsView


class PerPairView(BaseModel):
    """Everything that was used, translations too, for each accepted English pair."""

    calls: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cached_tokens: float | None
    cost_usd: float | None


class StatisticsUsage(BaseModel):
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: float | None = Field(description="None where no price is known for a model.")
    per_pair: PerPairView


class StatisticsView(BaseModel):
    """Roll-ups as they are now; what takes a while to count (null before) is as of `as_of`."""

    object: Literal["statistics"] = "statistics"
    scope: Literal["job", "dataset", "all"]
    id: str | None
    name: str | None = Field(description="Of the dataset.")
    state: Literal["none", "stale", "current"] = Field(description="Of what is counted.")
    as_of: str | None
    is_being_counted: bool
    failure: str | None = Field(description="Why the last count failed.")
    jobs: int
    table: list[TableRowView]
    yield_: YieldView = Field(alias="yield")
    rejections: RejectionsView
    usage: StatisticsUsage
    languages: list[LanguageView]
    images_per_pair: DistributionView | None
    related_pairs_per_pair: DistributionView | None
    roots: RootsOfBothView | None
