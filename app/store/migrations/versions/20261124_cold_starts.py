"""Cold starts: their rounds and candidates."""

revision = "0004_cold_starts"
down_revision = "0003_quality"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
