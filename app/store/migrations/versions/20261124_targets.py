"""Targets: exactly as many pairs as were asked for."""

revision = "0007_targets"
down_revision = "0006_languages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
