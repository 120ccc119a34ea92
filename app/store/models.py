"""The tables. They are shapes only: nothing is parsed or computed here.

Ids are 63-bit integers (`app.ids` gives their public form). Rows born by the thousand (items, calls, pairs,
rejections, shards) number themselves; the others get `clock.new_id()`. A translation is a row of `pair` whose
`translation_of` names the English one. Counts live in `tally`: they change in the transaction that changes
the rows they count, spread over buckets so that writers do not queue up behind one row.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

DATASET_STATES = ("validating", "ready", "failed")
JOB_STATES = (
    "validating",
    "queued",
    "in_progress",
    "paused",
    "finalizing",
    "completed",
    "cancelling",
    "cancelled",
    "failed",
    "expired",
)
SHARD_STATES = ("ready", "leased", "done")
ITEM_STATES = ("done", "failed", "poison", "skipped")
CALL_STATES = ("started", "stored", "ok", "superseded", "failed", "unknown", "recovered")
PAIR_STATUSES = ("accepted", "flagged", "rejected", "edited")
EXPORT_STATES = ("queued", "running", "completed", "failed")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def _id() -> Any:
    return Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


def _serial() -> Any:
    return Field(sa_column=Column(BigInteger, Identity(), primary_key=True))


def _reference(target: str, **options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, ForeignKey(target, ondelete="CASCADE"), nullable=False, **options))


def _time(*, default_now: bool = False) -> Any:
    if default_now:
        return Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))


def _text(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def _count(kind: type[Integer] = Integer) -> Any:
    return Field(default=0, sa_column=Column(kind, nullable=False, server_default=text("0")))


def _json(default: str = "'{}'") -> Any:
    return Field(sa_column=Column(JSONB, nullable=False, server_default=text(f"{default}::jsonb")))


def _texts() -> Any:
    return Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")))


class Dataset(SQLModel, table=True):
    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", name="dataset_name_key"), _one_of("state", DATASET_STATES))

    id: int = _id()
    name: str = _text()
    version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    kind: str | None = _text(nullable=True)
    abbr: str = _text()
    format: str = _text()
    state: str = _text()
    failure: str | None = _text(nullable=True)
    items: int = _count()
    unique_source_ids: int = _count()
    images: int = _count(BigInteger)
    errors: int = _count()
    bytes: int = _count(BigInteger)
    sha256: str | None = _text(nullable=True)
    created_at: datetime = _time(default_now=True)


class DatasetError(SQLModel, table=True):
    """A record of an upload that was refused."""

    __tablename__ = "dataset_error"

    dataset_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    )
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    line: int | None = Field(sa_column=Column(Integer, nullable=True))
    pointer: str = _text()
    code: str = _text()
    message: str = _text()
    source_id: str | None = _text(nullable=True)


class Item(SQLModel, table=True):
    """One annotation. `image_set` is a hash of `image_ids` (null without images): items that share it share images."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("dataset_id", "position", name="item_dataset_id_position_key"),
        Index("item_dataset_id_source_id_idx", "dataset_id", "source_id"),
        Index(
            "item_dataset_id_image_set_idx",
            "dataset_id",
            "image_set",
            postgresql_where=text("image_set IS NOT NULL"),
        ),
        Index("item_image_ids_idx", "image_ids", postgresql_using="gin"),
    )

    id: int = _serial()
    dataset_id: int = _reference("dataset.id")
    position: int = Field(sa_column=Column(Integer, nullable=False))
    source_id: str = _text()
    sentences: str = _text()
    image_ids: list[str] = _texts()
    image_set: int | None = Field(sa_column=Column(BigInteger, nullable=True))


class Prompt(SQLModel, table=True):
    """An immutable version of a named prompt; `in_context` is a list of {role, content}."""

    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("name", "version", name="prompt_name_version_key"),)

    id: int = _id()
    name: str = _text()
    version: int = Field(sa_column=Column(Integer, nullable=False))
    kind: str | None = _text(nullable=True)
    system_message: str = _text()
    in_context: list[dict[str, Any]] = _json("'[]'")
    reply_format: str = _text()
    sha256: str = _text()
    created_at: datetime = _time(default_now=True)


class Job(SQLModel, table=True):
    """What a client ordered. Money is in micro-dollars; `held_micros` = spent + reserved, kept only under a budget."""

    __tablename__ = "job"
    __table_args__ = (
        _one_of("state", JOB_STATES),
        Index(
            "job_state_idx",
            "state",
            postgresql_where=text("state NOT IN ('completed', 'cancelled', 'failed')"),
        ),
        Index("job_dataset_id_idx", "dataset_id"),
    )

    id: int = _id()
    dataset_id: int = Field(sa_column=Column(BigInteger, ForeignKey("dataset.id"), nullable=False))
    prompt_id: int = Field(sa_column=Column(BigInteger, ForeignKey("prompt.id"), nullable=False))
    state: str = _text()
    reason: str | None = _text(nullable=True)
    model: str = _text()
    parameters: dict[str, Any] = _json()
    languages: list[str] = _texts()
    stages: list[str] = _texts()
    mode: str = _text()
    slice: dict[str, Any] = _json()
    limits: dict[str, Any] = _json()
    labels: dict[str, Any] = Field(
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    price: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    seed: int = _count(BigInteger)
    items_total: int = _count()
    budget_micros: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    held_micros: int = _count(BigInteger)
    outage_since: datetime | None = _time()
    revision: int = _count()
    created_at: datetime = _time(default_now=True)
    queued_at: datetime | None = _time()
    started_at: datetime | None = _time()
    paused_at: datetime | None = _time()
    finished_at: datetime | None = _time()
    deadline_at: datetime | None = _time()


class Shard(SQLModel, table=True):
    """A slice of a job's items that one worker at a time takes through the stages, under a lease with a fence."""

    __tablename__ = "shard"
    __table_args__ = (
        _one_of("state", SHARD_STATES),
        UniqueConstraint("job_id", "seq", name="shard_job_id_seq_key"),
        Index("shard_ready_idx", "job_id", "seq", postgresql_where=text("state = 'ready'")),
        Index("shard_leased_idx", "lease_until", postgresql_where=text("state = 'leased'")),
    )

    id: int = _serial()
    job_id: int = _reference("job.id")
    seq: int = Field(sa_column=Column(Integer, nullable=False))
    stage: str = _text()
    state: str = _text()
    positions: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    reset: bool = Field(default=False, sa_column=Column("reset", Boolean, nullable=False, server_default=text("false")))
    fence: int = _count()
    owner: str | None = _text(nullable=True)
    lease_until: datetime | None = _time()
    not_before: datetime | None = _time()
    rung_at: datetime | None = _time()


class ItemState(SQLModel, table=True):
    """How a unit of work ended; no row means pending. `sample` is 0 for generate, the pair's ordinal for translate."""

    __tablename__ = "item_state"
    __table_args__ = (
        _one_of("state", ITEM_STATES),
        Index("item_state_not_done_idx", "job_id", "item_id", postgresql_where=text("state <> 'done'")),
    )

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    stage: str = Field(sa_column=Column(Text, primary_key=True))
    item_id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    sample: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    state: str = _text()
    code: str | None = _text(nullable=True)
    detail: str | None = _text(nullable=True)
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = _time(default_now=True)


class Call(SQLModel, table=True):
    """One request to the model: written before it is sent, completed when its raw answer is stored."""

    __tablename__ = "call"
    __table_args__ = (
        _one_of("state", CALL_STATES),
        Index("call_unit_idx", "job_id", "item_id", "stage", "sample"),
        Index("call_open_idx", "shard_id", postgresql_where=text("state = 'started'")),
        Index("call_job_id_id_idx", "job_id", "id"),
    )

    id: int = _serial()
    job_id: int = _reference("job.id")
    shard_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    fence: int = Field(sa_column=Column(Integer, nullable=False))
    worker: str = _text()
    stage: str = _text()
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    sample: int = Field(sa_column=Column(SmallInteger, nullable=False))
    languages: list[str] = _texts()
    fingerprint: int = _count(BigInteger)
    state: str = _text()
    handlings: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    reserved_micros: int = _count(BigInteger)
    raw: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    http_status: int | None = Field(sa_column=Column(SmallInteger, nullable=True))
    finish_reason: str | None = _text(nullable=True)
    error_code: str | None = _text(nullable=True)
    error_detail: str | None = _text(nullable=True)
    prompt_tokens: int = _count()
    completion_tokens: int = _count()
    cached_tokens: int = _count()
    cost_micros: int = _count(BigInteger)
    latency_ms: int | None = Field(sa_column=Column(Integer, nullable=True))
    started_at: datetime = _time(default_now=True)
    finished_at: datetime | None = _time()


class Pair(SQLModel, table=True):
    """An instruction and its response in one language; `ordinal` counts the accepted pairs of an item from 0."""

    __tablename__ = "pair"
    __table_args__ = (
        _one_of("status", PAIR_STATUSES),
        UniqueConstraint("job_id", "item_id", "ordinal", "language", name="pair_unit_key"),
        Index("pair_job_id_language_id_idx", "job_id", "language", "id"),
        Index("pair_item_id_idx", "item_id"),
        Index("pair_translation_of_idx", "translation_of", postgresql_where=text("translation_of IS NOT NULL")),
    )

    id: int = _serial()
    job_id: int = _reference("job.id")
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    ordinal: int = Field(sa_column=Column(SmallInteger, nullable=False))
    language: str = _text()
    translation_of: int | None = Field(
        sa_column=Column(BigInteger, ForeignKey("pair.id", ondelete="CASCADE"), nullable=True)
    )
    instruction: str = _text()
    response: str = _text()
    words: int = _count()
    status: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'accepted'")))
    flags: list[str] = _texts()
    revision: int = _count()
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = _time(default_now=True)


class Rejection(SQLModel, table=True):
    """A text that was refused, with its reason; `text` is the raw piece where no pair could be read."""

    __tablename__ = "rejection"
    __table_args__ = (
        Index("rejection_job_id_id_idx", "job_id", "id"),
        Index("rejection_item_id_idx", "item_id"),
    )

    id: int = _serial()
    job_id: int = _reference("job.id")
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    stage: str = _text()
    sample: int = Field(sa_column=Column(SmallInteger, nullable=False))
    language: str = _text()
    reason: str = _text()
    detail: str = _text()
    instruction: str | None = _text(nullable=True)
    response: str | None = _text(nullable=True)
    text: str | None = _text(nullable=True)
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = _time(default_now=True)


class Relation(SQLModel, table=True):
    """The related pairs of an English pair, in order; one row per pair, by one rule."""

    __tablename__ = "relation"
    __table_args__ = (Index("relation_job_id_idx", "job_id"),)

    pair_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    job_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    rule: str = _text()
    related_pair_ids: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))


class Tally(SQLModel, table=True):
    """A roll-up count of a job, e.g. `items.done`, `pairs`, `rejected.empty`, `translations.zh`, `usage.calls`."""

    __tablename__ = "tally"

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    bucket: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    n: int = _count(BigInteger)


class JobEvent(SQLModel, table=True):
    """What happened to a job, numbered from 1 without gaps."""

    __tablename__ = "job_event"

    job_id: int = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True))
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    type: str = _text()
    data: dict[str, Any] = _json()
    created_at: datetime = _time(default_now=True)


class Export(SQLModel, table=True):
    """Files made from a job's pairs; worked under a lease like a shard."""

    __tablename__ = "export"
    __table_args__ = (
        _one_of("state", EXPORT_STATES),
        Index("export_due_idx", "state", postgresql_where=text("state IN ('queued', 'running')")),
        Index("export_job_id_idx", "job_id"),
    )

    id: int = _id()
    job_id: int = _reference("job.id")
    format: str = _text()
    state: str = _text()
    reason: str | None = _text(nullable=True)
    languages: list[str] = _texts()
    filters: dict[str, Any] = _json()
    counts: dict[str, Any] = _json()
    certificate: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    files: list[dict[str, Any]] = _json("'[]'")
    fence: int = _count()
    attempts: int = _count()
    owner: str | None = _text(nullable=True)
    lease_until: datetime | None = _time()
    rung_at: datetime | None = _time()
    created_at: datetime = _time(default_now=True)
    finished_at: datetime | None = _time()


class IdempotencyKey(SQLModel, table=True):
    """The answer that was given to a POST, written in the transaction of its effect."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_created_at_idx", "created_at"),)

    key: str = Field(sa_column=Column(Text, primary_key=True))
    route: str = Field(sa_column=Column(Text, primary_key=True))
    body_sha256: str = _text()
    status: int = Field(sa_column=Column(SmallInteger, nullable=False))
    headers: dict[str, Any] = _json()
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = _time(default_now=True)


class WorkerRow(SQLModel, table=True):
    """A worker process that was seen lately."""

    __tablename__ = "worker"

    id: str = Field(sa_column=Column(Text, primary_key=True))
    slots: int = _count()
    started_at: datetime = _time(default_now=True)
    seen_at: datetime = _time(default_now=True)
