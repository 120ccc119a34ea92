"""Cold starts: their rounds and candidates, and where a prompt comes from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_cold_starts"
down_revision = "0003_quality"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prompt", sa.Column("provenance", _json(), nullable=True))
    _create_cold_starts()
    op.create_table(
        "cold_start_round",
        sa.Column("cold_start_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt_id", sa.BigInteger(), nullable=False),
        sa.Column("with_examples", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("judge_job_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["cold_start_id"], ["cold_start.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"]),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"]),
        sa.ForeignKeyConstraint(["judge_job_id"], ["job.id"]),
        sa.PrimaryKeyConstraint("cold_start_id", "number"),
    )
    _create_candidates()


def downgrade() -> None:
    op.drop_table("cold_start_candidate")
    op.drop_table("cold_start_round")
    op.drop_table("cold_start")
    op.drop_column("prompt", "provenance")


def _create_cold_starts() -> None:
    op.create_table(
        "cold_start",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("system_message", sa.Text(), nullable=False),
        sa.Column("reply_format", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("parameters", _json(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("limits", _json(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("seed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chosen", _json(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("clusters", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stop_rule", _json(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("automatic", _json(), nullable=True),
        sa.Column("prompt_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'frozen')", name="state_is_known"),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("cold_start_dataset_id_idx", "cold_start", ["dataset_id"], unique=False)
    op.create_index(
        "cold_start_automatic_idx",
        "cold_start",
        ["id"],
        unique=False,
        postgresql_where=sa.text("automatic IS NOT NULL AND state = 'open'"),
    )


def _create_candidates() -> None:
    op.create_table(
        "cold_start_candidate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cold_start_id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("cluster", sa.SmallInteger(), nullable=False),
        sa.Column("is_held_out", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("content", _json(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("verdict", _json(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('open', 'accepted', 'edited', 'rejected')", name="status_is_known"),
        sa.CheckConstraint("decided_by IN ('person', 'judge', 'score')", name="decided_by_is_known"),
        sa.ForeignKeyConstraint(
            ["cold_start_id", "round"],
            ["cold_start_round.cold_start_id", "cold_start_round.number"],
            name="cold_start_candidate_round_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cold_start_id", "round", "item_id", name="cold_start_candidate_item_key"),
    )


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(astext_type=sa.Text())
