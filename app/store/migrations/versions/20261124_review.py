"""Review: what people say of pairs, and the rules they make."""

revision = "0005_review"
down_revision = "0004_cold_starts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
