"""Images, where each was seen, and every try to fetch one."""

import sqlalchemy as sa

from data_registry.storage.schema.columns import (
    SHA,
    build_image_key,
    build_row_number,
    build_written_at,
    metadata,
)

image = sa.Table(
    "image",
    metadata,
    sa.Column("sha256", SHA, primary_key=True),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    build_written_at(),
)

image_hash = sa.Table(
    "image_hash",
    metadata,
    build_image_key(),
    sa.Column("kind", sa.String(8), primary_key=True),  # phash, dhash
    # Eight big-endian unsigned 64-bit integers, one an orientation.
    sa.Column("orientations", sa.LargeBinary(64), nullable=False),
)

source = sa.Table(
    "source",
    metadata,
    build_image_key(),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("query", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("page_url", sa.Text, nullable=False),
    sa.Column("licence", sa.Text, nullable=False),
    sa.Column("licence_url", sa.Text, nullable=False),
    sa.Column("creator", sa.Text, nullable=False),
    build_written_at(),
)

fetch_attempt = sa.Table(
    "fetch_attempt",
    metadata,
    build_row_number("attempt_id"),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("retryable", sa.Boolean, nullable=False),
    sa.Column("sha256", SHA, nullable=False),  # empty where nothing was stored
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    build_written_at(),
    sa.Index("fetch_attempt_candidate", "provider", "query", "url"),
)
