"""Languages: glossaries, and what a translation's checks need."""

revision = "0006_languages"
down_revision = "0005_review"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
