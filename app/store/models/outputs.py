"""Tables of what goes out: exports, statistics, answers given to POSTs."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.store.models.columns import (
    EXPORT_STATES,
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


class Export(SQLModel, table=True):
    """Files made from a job's pairs; worked under a lease like a shard.

    `progress` has the files that are finished while others are not: {"fingerprint", "files"}.
    """

    __tablename__ = "export"
    __table_args__ = (
        one_of("state", EXPORT_STATES),
        Index("export_due_idx", "state", postgresql_where=text("state IN ('queued', 'running')")),
        Index("export_job_id_idx", "job_id"),
    )

    id: int = new_key()
    job_id: int = reference("job.id")
    format: str = text_column()
    state: str = text_column()
    reason: str | None = text_column(nullable=True)
    languages: list[str] = texts()
    filters: dict[str, Any] = json_column()
    options: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    progress: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    counts: dict[str, Any] = json_column()
    certificate: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    files: list[dict[str, Any]] = json_column("'[]'")
    fence: int = count()
    attempts: int = count()
    owner: str | None = text_column(nullable=True)
    lease_until: datetime | None = time()
    rung_at: datetime | None = time()
    created_at: datetime = time(default_now=True)
    finished_at: datetime | None = time()


class Statistic(SQLModel, table=True):
    """Figures that took a while to count, as of a moment; `scope` is `job`, `dataset` or `all`, `scope_id` its id."""

    __tablename__ = "statistic"

    scope: str = Field(sa_column=Column(Text, primary_key=True))
    scope_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    data: dict[str, Any] = json_column()
    as_of: datetime = time(default_now=True)


class StatisticRun(SQLModel, table=True):
    """A count of a scope's figures: due while `wanted` is ahead of `served`, worked under a lease like an export."""

    __tablename__ = "statistic_run"
    __table_args__ = (
        UniqueConstraint("scope", "scope_id", name="statistic_run_scope_key"),
        Index("statistic_run_due_idx", "due_at", postgresql_where=text("wanted > served")),
    )

    id: int = serial_key()
    scope: str = text_column()
    scope_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    wanted: int = count()
    served: int = count()
    due_at: datetime = time(default_now=True)
    reason: str | None = text_column(nullable=True)
    fence: int = count()
    attempts: int = count()
    owner: str | None = text_column(nullable=True)
    lease_until: datetime | None = time()
    rung_at: datetime | None = time()


class IdempotencyKey(SQLModel, table=True):
    """The answer that was given to a POST, written in the transaction of its effect."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_created_at_idx", "created_at"),)

    key: str = Field(sa_column=Column(Text, primary_key=True))
    route: str = Field(sa_column=Column(Text, primary_key=True))
    body_sha256: str = text_column()
    status: int = Field(sa_column=Column(SmallInteger, nullable=False))
    headers: dict[str, Any] = json_column()
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = time(default_now=True)
