"""Tables of what is made: pairs, refused texts, relations, vectors."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from app.store.models.columns import PAIR_STATUSES, count, one_of, reference, serial_key, text_column, texts, time

NOTED = "status <> 'accepted' OR flags <> '{}'::text[] OR reviewed_at IS NOT NULL"
"""Pairs that queues are made of: what is not accepted, has flags, or was reviewed."""


class Pair(SQLModel, table=True):
    """An instruction and its response in one language; `ordinal` counts the accepted pairs of an item from 0.

    `conversation` is the conversation of the item that the pair is a round of, 0 where there is only one.
    `reviewed_at`: when a person last judged the texts that stand now; nobody yet: NULL.
    `source_fingerprint`: of the English texts that a stale translation says, NULL where they are those of its pair.
    """

    __tablename__ = "pair"
    __table_args__ = (
        one_of("status", PAIR_STATUSES),
        UniqueConstraint("job_id", "item_id", "ordinal", "language", name="pair_unit_key"),
        Index("pair_job_id_language_id_idx", "job_id", "language", "id"),
        Index("pair_item_id_idx", "item_id"),
        Index("pair_translation_of_idx", "translation_of", postgresql_where=text("translation_of IS NOT NULL")),
        Index("pair_noted_idx", "job_id", "language", "id", postgresql_where=text(NOTED)),
    )

    id: int = serial_key()
    job_id: int = reference("job.id")
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    ordinal: int = Field(sa_column=Column(SmallInteger, nullable=False))
    conversation: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    language: str = text_column()
    translation_of: int | None = Field(
        sa_column=Column(BigInteger, ForeignKey("pair.id", ondelete="CASCADE"), nullable=True)
    )
    instruction: str = text_column()
    response: str = text_column()
    words: int = count()
    status: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'accepted'")))
    flags: list[str] = texts()
    revision: int = count()
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = time(default_now=True)
    reviewed_at: datetime | None = time()
    source_fingerprint: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class Rejection(SQLModel, table=True):
    """A text that was refused, with its reason; `text` is the raw piece where no pair could be read."""

    __tablename__ = "rejection"
    __table_args__ = (
        Index("rejection_job_id_id_idx", "job_id", "id"),
        Index("rejection_item_id_idx", "item_id"),
    )

    id: int = serial_key()
    job_id: int = reference("job.id")
    item_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    stage: str = text_column()
    sample: int = Field(sa_column=Column(SmallInteger, nullable=False))
    language: str = text_column()
    reason: str = text_column()
    detail: str = text_column()
    instruction: str | None = text_column(nullable=True)
    response: str | None = text_column(nullable=True)
    text: str | None = text_column(nullable=True)
    call_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    created_at: datetime = time(default_now=True)


class Relation(SQLModel, table=True):
    """The related pairs of an English pair, in order; one row per pair, by one rule."""

    __tablename__ = "relation"
    __table_args__ = (
        Index("relation_job_id_idx", "job_id"),
        Index("relation_manual_idx", "job_id", postgresql_where=text("rule = 'manual'")),
    )

    pair_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    job_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    rule: str = text_column()
    related_pair_ids: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))


class Embedding(SQLModel, table=True):
    """A vector of a text or an image by one model, paid for once; `digest` is the sha256 of what was embedded."""

    __tablename__ = "embedding"

    model: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
