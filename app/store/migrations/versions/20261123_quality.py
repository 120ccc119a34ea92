"""What rules find about pairs, every change of a pair, and a job's policies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_quality"
down_revision = "0002_pictures_and_relations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "job",
        sa.Column(
            "policies", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.create_table(
        "pair_finding",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(["pair_id"], ["pair.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pair_finding_pair_id_idx", "pair_finding", ["pair_id"], unique=False)
    op.create_index("pair_finding_job_id_code_idx", "pair_finding", ["job_id", "code"], unique=False)
    op.create_table(
        "pair_edit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("pair_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("instruction_before", sa.Text(), nullable=False),
        sa.Column("response_before", sa.Text(), nullable=False),
        sa.Column("instruction_after", sa.Text(), nullable=False),
        sa.Column("response_after", sa.Text(), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('repair', 'edit', 'rule', 'undo')", name="kind_is_known"),
        sa.ForeignKeyConstraint(["pair_id"], ["pair.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["undoes"], ["pair_edit.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pair_edit_pair_id_idx", "pair_edit", ["pair_id"], unique=False)
    op.create_index("pair_edit_job_id_idx", "pair_edit", ["job_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("pair_edit")
    op.drop_table("pair_finding")
    op.drop_column("job", "policies")
