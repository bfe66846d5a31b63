"""Mark the tables of version 0.1.0, which created them itself on first use."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: this is where migrations start."""
