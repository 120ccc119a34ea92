"""Cold starts: scores are kept with their candidates, and rounds may show pictures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_cold_start_scores"
down_revision = "0008_stored_calls"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cold_start", sa.Column("vision", _json(), nullable=True))
    op.add_column("cold_start_candidate", sa.Column("scored", _json(), nullable=True))


def downgrade() -> None:
    op.drop_column("cold_start_candidate", "scored")
    op.drop_column("cold_start", "vision")


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(astext_type=sa.Text())
