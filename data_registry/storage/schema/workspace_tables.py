"""What was deleted, and which workspace this is."""

import sqlalchemy as sa

from data_registry.storage.schema.columns import SHA, build_image_key, build_written_at, metadata

# Collected, not kept: bytes that were turned down went, the row and its history stay.
discarded = sa.Table(
    "discarded",
    metadata,
    build_image_key(),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    build_written_at(),
)

tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("sha256", SHA, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    build_written_at(),
)

# Which workspace this is: the same id stands in the folder; see data_registry.storage.workspace_id.
workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("workspace_id", sa.String(32), nullable=False),
    build_written_at(),
    sa.CheckConstraint("number = 1", name="workspace_is_one"),
)
