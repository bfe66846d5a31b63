"""Add the id that a database and its folder share."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of the one row."""
    op.create_table(
        "workspace",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("number = 1", name="workspace_is_one"),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
