"""Tables of the work: how units ended, calls to the model, worker processes."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Text, text
from sqlmodel import Field, SQLModel

from app.store.models.columns import (
    CALL_STATES,
    ITEM_STATES,
    count,
    one_of,
    reference,
    serial_key,
    text_column,
    texts,
    time,
)


class ItemState(SQLModel, table=True):
    """How a unit of work ended; no row means pending. `sample` is 0 for generate, the pair's ordinal for translate."""

    __tablename__ = "item_state"
    __table_args__ = (
        one_of("state", ITEM_STATES),
        Index("item_state_not_done_idx", "job_id", "item_id", postgresql_where=text("state <> 'done'")),
    )

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    stage: str = Field(sa_column=Column(Text, primary_key=True))
    item_id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    sample: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    state: str = text_column()
    code: str | None = text_column(nullable=True)
    detail: str | None = text_column(nullable=True)
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = time(default_now=True)


class Call(SQLModel, table=True):
    """One request to the model: written before it is sent, completed when its raw answer is stored.

    `most_pairs`: where the call ended its item under a number of pairs that was asked for, how many the item may have;
    NULL while it may be asked further.
    """

    __tablename__ = "call"
    __table_args__ = (
        one_of("state", CALL_STATES),
        Index("call_unit_idx", "job_id", "item_id", "stage", "sample"),
        Index("call_open_idx", "shard_id", postgresql_where=text("state = 'started'")),
        Index("call_stored_idx", "job_id", postgresql_where=text("state = 'stored'")),
        Index("call_job_id_id_idx", "job_id", "id"),
    )

    id: int = serial_key()
    job_id: int = reference("job.id")
    shard_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    fence: int = Field(sa_column=Column(Integer, nullable=False))
    worker: str = text_column()
    stage: str = text_column()
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    sample: int = Field(sa_column=Column(SmallInteger, nullable=False))
    languages: list[str] = texts()
    fingerprint: int = count(BigInteger)
    state: str = text_column()
    handlings: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    most_pairs: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    reserved_micros: int = count(BigInteger)
    raw: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    http_status: int | None = Field(sa_column=Column(SmallInteger, nullable=True))
    finish_reason: str | None = text_column(nullable=True)
    error_code: str | None = text_column(nullable=True)
    error_detail: str | None = text_column(nullable=True)
    prompt_tokens: int = count()
    completion_tokens: int = count()
    cached_tokens: int = count()
    cost_micros: int = count(BigInteger)
    latency_ms: int | None = Field(sa_column=Column(Integer, nullable=True))
    started_at: datetime = time(default_now=True)
    finished_at: datetime | None = time()


class WorkerRow(SQLModel, table=True):
    """A worker process that was seen lately."""

    __tablename__ = "worker"

    id: str = Field(sa_column=Column(Text, primary_key=True))
    slots: int = count()
    started_at: datetime = time(default_now=True)
    seen_at: datetime = time(default_now=True)
