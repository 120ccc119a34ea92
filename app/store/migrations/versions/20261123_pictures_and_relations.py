"""Pictures, vectors, statistics, and what a job and an export say about them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_pictures_and_relations"
down_revision = "0001_first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "embedding",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "digest"),
    )
    op.create_table(
        "statistic",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("as_of", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("scope", "scope_id", "key"),
    )
    op.create_table(
        "statistic_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("served", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "scope_id", name="statistic_run_scope_key"),
    )
    op.create_index(
        "statistic_run_due_idx",
        "statistic_run",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("wanted > served"),
    )
    op.create_table(
        "image",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("image_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("feature", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dataset_id", "image_id", name="image_dataset_id_image_id_key"),
    )
    op.create_index("image_sha256_idx", "image", ["sha256"], unique=False)
    op.create_table("orphan_image", sa.Column("sha256", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("sha256"))
    for name in ("images_uploaded", "images_matched"):
        op.add_column("dataset", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("item", sa.Column("has_found_images", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        "export",
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.add_column(
        "export",
        sa.Column(
            "progress", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.add_column("job", sa.Column("vision", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True))
    op.add_column("job", sa.Column("relation_rule", sa.Text(), nullable=True))
    op.add_column("pair", sa.Column("conversation", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "relation_manual_idx", "relation", ["job_id"], unique=False, postgresql_where=sa.text("rule = 'manual'")
    )


def downgrade() -> None:
    op.drop_index("relation_manual_idx", table_name="relation", postgresql_where=sa.text("rule = 'manual'"))
    op.drop_column("pair", "conversation")
    op.drop_column("job", "relation_rule")
    op.drop_column("job", "vision")
    op.drop_column("export", "progress")
    op.drop_column("export", "options")
    op.drop_column("item", "has_found_images")
    op.drop_column("dataset", "images_matched")
    op.drop_column("dataset", "images_uploaded")
    op.drop_table("orphan_image")
    op.drop_index("image_sha256_idx", table_name="image")
    op.drop_table("image")
    op.drop_table("statistic_run")
    op.drop_table("statistic")
    op.drop_table("embedding")
