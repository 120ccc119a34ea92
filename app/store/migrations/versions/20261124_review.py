"""Review: what people say of pairs, and the rules they make."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0005_review"
down_revision = "0004_cold_starts"
branch_labels = None
depends_on = None

_NOTED = "status <> 'accepted' OR flags <> '{}'::text[] OR reviewed_at IS NOT NULL"
_FORMER_KINDS = "kind IN ('repair', 'edit', 'rule', 'undo')"
_KINDS = "kind IN ('repair', 'edit', 'rule', 'undo', 'retranslation')"


def _key(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _serial() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)


def _made() -> sa.Column[datetime]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def upgrade() -> None:
    op.add_column("pair", sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pair", sa.Column("source_fingerprint", sa.BigInteger(), nullable=True))
    op.create_index("pair_noted_idx", "pair", ["job_id", "language", "id"], postgresql_where=sa.text(_NOTED))
    op.add_column("pair_edit", sa.Column("status_before", sa.Text(), nullable=True))
    op.add_column("pair_edit", sa.Column("source_before", sa.BigInteger(), nullable=True))
    op.drop_constraint("kind_is_known", "pair_edit", type_="check")
    op.create_check_constraint("kind_is_known", "pair_edit", _KINDS)
    _create_reviews()
    _create_rules()


def _create_reviews() -> None:
    op.create_table(
        "pair_review",
        _serial(),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("edit_id", sa.BigInteger(), nullable=True),
        _count("revision"),
        _made(),
        sa.CheckConstraint("verdict IN ('accept', 'edit', 'reject')", name="verdict_is_known"),
        sa.ForeignKeyConstraint(["pair_id"], ["pair.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pair_id", "reviewer", name="pair_review_reviewer_key"),
    )
    op.create_index("pair_review_job_id_idx", "pair_review", ["job_id", "pair_id"], unique=False)


def _create_rules() -> None:
    op.create_table(
        "review_rule",
        _key(),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("dataset_id", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("find", sa.Text(), nullable=False),
        sa.Column("replace", sa.Text(), nullable=False),
        sa.Column("ignore_case", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("whole_words", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("edit_id", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _made(),
        sa.CheckConstraint("side IN ('instruction', 'response', 'both')", name="side_is_known"),
        sa.CheckConstraint("match IN ('literal', 'pattern')", name="match_is_known"),
        sa.CheckConstraint("(job_id IS NULL) <> (dataset_id IS NULL)", name="scope_is_one"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("review_rule_job_id_idx", "review_rule", ["job_id"], unique=False)
    op.create_index("review_rule_dataset_id_idx", "review_rule", ["dataset_id"], unique=False)
    op.create_table(
        "review_rule_run",
        _serial(),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        _count("matched"),
        _count("changed"),
        _count("skipped"),
        _count("undone"),
        _count("left_alone"),
        _made(),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('applying', 'applied', 'undoing', 'undone')", name="state_is_known"),
        sa.ForeignKeyConstraint(["rule_id"], ["review_rule.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("review_rule_run_rule_id_idx", "review_rule_run", ["rule_id", "id"], unique=False)
    op.create_table(
        "review_rule_pair",
        _key("run_id"),
        _key("pair_id"),
        _count("revision"),
        sa.Column("edit_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'changed', 'skipped', 'undone', 'left')", name="state_is_known"),
        sa.ForeignKeyConstraint(["run_id"], ["review_rule_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "pair_id"),
    )
    op.create_index("review_rule_pair_state_idx", "review_rule_pair", ["run_id", "state", "pair_id"], unique=False)


def downgrade() -> None:
    for table in ("review_rule_pair", "review_rule_run", "review_rule", "pair_review"):
        op.drop_table(table)
    op.execute("DELETE FROM pair_edit WHERE kind = 'retranslation'")
    op.drop_constraint("kind_is_known", "pair_edit", type_="check")
    op.create_check_constraint("kind_is_known", "pair_edit", _FORMER_KINDS)
    op.drop_column("pair_edit", "source_before")
    op.drop_column("pair_edit", "status_before")
    op.drop_index("pair_noted_idx", table_name="pair")
    op.drop_column("pair", "source_fingerprint")
    op.drop_column("pair", "reviewed_at")
