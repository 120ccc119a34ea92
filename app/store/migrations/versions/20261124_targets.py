"""Targets: how many pairs an item may have by the call that ended it."""

import sqlalchemy as sa
from alembic import op

revision = "0007_targets"
down_revision = "0006_languages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call", sa.Column("most_pairs", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("call", "most_pairs")
