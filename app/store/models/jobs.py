"""Tables of what is ordered: prompts, jobs, their shards, counts and events."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
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
    JOB_STATES,
    SHARD_STATES,
    count,
    json_column,
    new_key,
    one_of,
    reference,
    serial_key,
    text_column,
    texts,
    time,
)


class Prompt(SQLModel, table=True):
    """An immutable version of a named prompt; `in_context` is a list of {role, content}."""

    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("name", "version", name="prompt_name_version_key"),)

    id: int = new_key()
    name: str = text_column()
    version: int = Field(sa_column=Column(Integer, nullable=False))
    kind: str | None = text_column(nullable=True)
    system_message: str = text_column()
    in_context: list[dict[str, Any]] = json_column("'[]'")
    reply_format: str = text_column()
    sha256: str = text_column()
    provenance: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    created_at: datetime = time(default_now=True)


class Job(SQLModel, table=True):
    """What a client ordered. Money is in micro-dollars; `held_micros` = spent + reserved, kept only under a budget."""

    __tablename__ = "job"
    __table_args__ = (
        one_of("state", JOB_STATES),
        Index(
            "job_state_idx",
            "state",
            postgresql_where=text("state NOT IN ('completed', 'cancelled', 'failed')"),
        ),
        Index("job_dataset_id_idx", "dataset_id"),
    )

    id: int = new_key()
    dataset_id: int = Field(sa_column=Column(BigInteger, ForeignKey("dataset.id"), nullable=False))
    prompt_id: int = Field(sa_column=Column(BigInteger, ForeignKey("prompt.id"), nullable=False))
    state: str = text_column()
    reason: str | None = text_column(nullable=True)
    model: str = text_column()
    parameters: dict[str, Any] = json_column()
    languages: list[str] = texts()
    stages: list[str] = texts()
    mode: str = text_column()
    slice: dict[str, Any] = json_column()
    limits: dict[str, Any] = json_column()
    labels: dict[str, Any] = Field(
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    price: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    vision: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    relation_rule: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    policies: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    seed: int = count(BigInteger)
    items_total: int = count()
    budget_micros: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    held_micros: int = count(BigInteger)
    outage_since: datetime | None = time()
    revision: int = count()
    created_at: datetime = time(default_now=True)
    queued_at: datetime | None = time()
    started_at: datetime | None = time()
    paused_at: datetime | None = time()
    finished_at: datetime | None = time()
    deadline_at: datetime | None = time()


class Shard(SQLModel, table=True):
    """A slice of a job's items that one worker at a time takes through the stages, under a lease with a fence."""

    __tablename__ = "shard"
    __table_args__ = (
        one_of("state", SHARD_STATES),
        UniqueConstraint("job_id", "seq", name="shard_job_id_seq_key"),
        Index("shard_ready_idx", "job_id", "seq", postgresql_where=text("state = 'ready'")),
        Index("shard_leased_idx", "lease_until", postgresql_where=text("state = 'leased'")),
    )

    id: int = serial_key()
    job_id: int = reference("job.id")
    seq: int = Field(sa_column=Column(Integer, nullable=False))
    stage: str = text_column()
    state: str = text_column()
    positions: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    reset: bool = Field(default=False, sa_column=Column("reset", Boolean, nullable=False, server_default=text("false")))
    fence: int = count()
    owner: str | None = text_column(nullable=True)
    lease_until: datetime | None = time()
    not_before: datetime | None = time()
    rung_at: datetime | None = time()


class Tally(SQLModel, table=True):
    """A roll-up count of a job, e.g. `items.done`, `pairs`, `rejected.empty`, `translations.zh`, `usage.calls`."""

    __tablename__ = "tally"

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    bucket: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    n: int = count(BigInteger)


class JobEvent(SQLModel, table=True):
    """What happened to a job, numbered from 1 without gaps."""

    __tablename__ = "job_event"

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    type: str = text_column()
    data: dict[str, Any] = json_column()
    created_at: datetime = time(default_now=True)
