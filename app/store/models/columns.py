"""How columns are declared, and the states that they know."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

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


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def new_key() -> Any:
    return Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


def serial_key() -> Any:
    return Field(sa_column=Column(BigInteger, Identity(), primary_key=True))


def reference(target: str, **options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, ForeignKey(target, ondelete="CASCADE"), nullable=False, **options))


def time(*, default_now: bool = False) -> Any:
    if default_now:
        return Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))


def text_column(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def count(kind: type[Integer] = Integer) -> Any:
    return Field(default=0, sa_column=Column(kind, nullable=False, server_default=text("0")))


def json_column(default: str = "'{}'") -> Any:
    return Field(sa_column=Column(JSONB, nullable=False, server_default=text(f"{default}::jsonb")))


def texts() -> Any:
    return Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")))
