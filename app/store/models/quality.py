"""Tables of what is known about pairs: what rules found, and every change with what stood there before."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from app.store.models.columns import json_column, one_of, reference, serial_key, text_column, time

EDIT_KINDS = ("repair", "edit", "rule", "undo", "retranslation")


class PairFinding(SQLModel, table=True):
    """What a rule found about a stored pair, with its evidence; the pair's `flags` repeat the codes."""

    __tablename__ = "pair_finding"
    __table_args__ = (
        Index("pair_finding_pair_id_idx", "pair_id"),
        Index("pair_finding_job_id_code_idx", "job_id", "code"),
    )

    id: int = serial_key()
    job_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    pair_id: int = reference("pair.id")
    code: str = text_column()
    detail: str = text_column()
    evidence: dict[str, Any] = json_column()


class PairEdit(SQLModel, table=True):
    """A change of a pair's texts: by a rule while it was made (repair), by a person (edit), by a person's rule (rule).

    A `retranslation` is the model's own, of an English pair that had changed. `undoes` is the change that this one
    takes back. The texts before the first change are what the model wrote. `status_before` is the pair's,
    `source_before` a fingerprint of the English texts that a translation said before; a repair has neither.
    """

    __tablename__ = "pair_edit"
    __table_args__ = (
        one_of("kind", EDIT_KINDS),
        Index("pair_edit_pair_id_idx", "pair_id"),
        Index("pair_edit_job_id_idx", "job_id", "id"),
    )

    id: int = serial_key()
    job_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    pair_id: int = reference("pair.id")
    kind: str = text_column()
    rule: str | None = text_column(nullable=True)
    author: str | None = text_column(nullable=True)
    note: str | None = text_column(nullable=True)
    instruction_before: str = text_column()
    response_before: str = text_column()
    instruction_after: str = text_column()
    response_after: str = text_column()
    status_before: str | None = text_column(nullable=True)
    source_before: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    undoes: int | None = Field(
        sa_column=Column(BigInteger, ForeignKey("pair_edit.id", ondelete="CASCADE"), nullable=True)
    )
    created_at: datetime = time(default_now=True)
