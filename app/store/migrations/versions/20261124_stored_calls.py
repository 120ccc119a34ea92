"""Stored calls: which answers nobody has accounted for yet, found without reading all calls."""

import sqlalchemy as sa
from alembic import op

revision = "0008_stored_calls"
down_revision = "0007_targets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("call_stored_idx", "call", ["job_id"], postgresql_where=sa.text("state = 'stored'"))


def downgrade() -> None:
    op.drop_index("call_stored_idx", table_name="call")
