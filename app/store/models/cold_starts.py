"""Tables of cold starts: how a prompt comes about, round by round, and the replies that may become its examples."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.store.models.columns import (
    count,
    json_column,
    new_key,
    one_of,
    reference,
    serial_key,
    text_column,
    time,
)

COLD_START_STATES = ("open", "frozen")
CANDIDATE_STATUSES = ("open", "accepted", "edited", "rejected")
DECIDERS = ("person", "judge", "score")


def _optional_json() -> Any:
    return Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))


class ColdStart(SQLModel, table=True):
    """A prompt in the making. `chosen` lists its items: {item_id, position, cluster, held_out}.

    `automatic` is how decisions are made without a person, null where they are not; `reason` is why that ended.
    """

    __tablename__ = "cold_start"
    __table_args__ = (
        one_of("state", COLD_START_STATES),
        Index("cold_start_dataset_id_idx", "dataset_id"),
        Index("cold_start_automatic_idx", "id", postgresql_where=text("automatic IS NOT NULL AND state = 'open'")),
    )

    id: int = new_key()
    name: str = text_column()
    dataset_id: int = reference("dataset.id")
    state: str = text_column()
    reason: str | None = text_column(nullable=True)
    system_message: str = text_column()
    reply_format: str = text_column()
    model: str | None = text_column(nullable=True)
    parameters: dict[str, Any] = json_column()
    limits: dict[str, Any] = json_column()
    vision: dict[str, Any] | None = _optional_json()
    seed: int = count(BigInteger)
    chosen: list[dict[str, Any]] = json_column("'[]'")
    clusters: int = count()
    stop_rule: dict[str, Any] = json_column()
    automatic: dict[str, Any] | None = _optional_json()
    prompt_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("prompt.id"), nullable=True))
    revision: int = count()
    created_at: datetime = time(default_now=True)
    frozen_at: datetime | None = time()


class ColdStartRound(SQLModel, table=True):
    """A job over the items of a cold start; `decided_at` says that its candidates were decided without a person."""

    __tablename__ = "cold_start_round"

    cold_start_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("cold_start.id", ondelete="CASCADE"), primary_key=True)
    )
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id"), nullable=False))
    prompt_id: int = Field(sa_column=Column(BigInteger, ForeignKey("prompt.id"), nullable=False))
    with_examples: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    judge_job_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("job.id"), nullable=True))
    decided_at: datetime | None = time()
    created_at: datetime = time(default_now=True)


class ColdStartCandidate(SQLModel, table=True):
    """The reply about an item in a round, and what was decided about it.

    `content` is the reply as it will stand in the prompt, kept once it is accepted: pairs or conversations as an
    in-context turn holds them. Until then the reply is read from the pairs of the round's job. `scored` are its scores
    with a digest of the reply that has them.
    """

    __tablename__ = "cold_start_candidate"
    __table_args__ = (
        one_of("status", CANDIDATE_STATUSES),
        one_of("decided_by", DECIDERS),
        UniqueConstraint("cold_start_id", "round", "item_id", name="cold_start_candidate_item_key"),
        ForeignKeyConstraint(
            ["cold_start_id", "round"],
            ["cold_start_round.cold_start_id", "cold_start_round.number"],
            ondelete="CASCADE",
            name="cold_start_candidate_round_fkey",
        ),
    )

    id: int = serial_key()
    cold_start_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    round: int = Field(sa_column=Column(Integer, nullable=False))
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    cluster: int = Field(sa_column=Column(SmallInteger, nullable=False))
    is_held_out: bool = Field(sa_column=Column(Boolean, nullable=False))
    status: str = Field(default="open", sa_column=Column(Text, nullable=False, server_default=text("'open'")))
    content: list[dict[str, Any]] | None = _optional_json()
    decided_by: str | None = text_column(nullable=True)
    note: str | None = text_column(nullable=True)
    verdict: dict[str, Any] | None = _optional_json()
    scored: dict[str, Any] | None = _optional_json()
    revision: int = count()
    decided_at: datetime | None = time()
