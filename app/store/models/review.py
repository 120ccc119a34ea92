"""Tables of review: what people say of pairs, the rules they make of their fixes, and what those changed."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.store.models.columns import count, new_key, one_of, reference, serial_key, text_column, time

VERDICTS = ("accept", "edit", "reject")
RULE_SIDES = ("instruction", "response", "both")
RULE_MATCHES = ("literal", "pattern")
RULE_RUN_STATES = ("applying", "applied", "undoing", "undone")
RULE_PAIR_STATES = ("waiting", "changed", "skipped", "undone", "left")


class PairReview(SQLModel, table=True):
    """The last verdict of a person about a pair; `revision` is the pair's right after it, `edit_id` its change."""

    __tablename__ = "pair_review"
    __table_args__ = (
        one_of("verdict", VERDICTS),
        UniqueConstraint("pair_id", "reviewer", name="pair_review_reviewer_key"),
        Index("pair_review_job_id_idx", "job_id", "pair_id"),
    )

    id: int = serial_key()
    job_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    pair_id: int = reference("pair.id")
    language: str = text_column()
    reviewer: str = text_column()
    verdict: str = text_column()
    note: str | None = text_column(nullable=True)
    edit_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    revision: int = count()
    created_at: datetime = time(default_now=True)


class ReviewRule(SQLModel, table=True):
    """A replacement in all alike pairs of a job or a dataset, in one language; it never changes once made."""

    __tablename__ = "review_rule"
    __table_args__ = (
        one_of("side", RULE_SIDES),
        one_of("match", RULE_MATCHES),
        CheckConstraint("(job_id IS NULL) <> (dataset_id IS NULL)", name="scope_is_one"),
        Index("review_rule_job_id_idx", "job_id"),
        Index("review_rule_dataset_id_idx", "dataset_id"),
    )

    id: int = new_key()
    job_id: int | None = Field(sa_column=Column(BigInteger, ForeignKey("job.id", ondelete="CASCADE"), nullable=True))
    dataset_id: int | None = Field(
        sa_column=Column(BigInteger, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=True)
    )
    language: str = text_column()
    side: str = text_column()
    match: str = text_column()
    find: str = text_column()
    replace: str = text_column()
    ignore_case: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    whole_words: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    edit_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    author: str = text_column()
    note: str | None = text_column(nullable=True)
    created_at: datetime = time(default_now=True)


class ReviewRuleRun(SQLModel, table=True):
    """One application of a rule to exactly the pairs of a preview, and perhaps its undoing."""

    __tablename__ = "review_rule_run"
    __table_args__ = (one_of("state", RULE_RUN_STATES), Index("review_rule_run_rule_id_idx", "rule_id", "id"))

    id: int = serial_key()
    rule_id: int = reference("review_rule.id")
    token: str = text_column()
    state: str = text_column()
    author: str = text_column()
    matched: int = count()
    changed: int = count()
    skipped: int = count()
    undone: int = count()
    left_alone: int = count()
    created_at: datetime = time(default_now=True)
    finished_at: datetime | None = time()


class ReviewRulePair(SQLModel, table=True):
    """A pair of a run: the revision it was previewed with (then the one it was left with), its change, how it went."""

    __tablename__ = "review_rule_pair"
    __table_args__ = (
        one_of("state", RULE_PAIR_STATES),
        Index("review_rule_pair_state_idx", "run_id", "state", "pair_id"),
    )

    run_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("review_rule_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    pair_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    revision: int = count()
    edit_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    state: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'waiting'")))
    reason: str | None = text_column(nullable=True)
