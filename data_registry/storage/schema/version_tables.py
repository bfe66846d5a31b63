"""Versions, runs, champions and readings of the test split."""

import sqlalchemy as sa

from data_registry.storage.schema.columns import SHA, build_row_number, build_written_at, metadata

version = sa.Table(
    "version",
    metadata,
    sa.Column("version_hash", SHA, primary_key=True),
    sa.Column("parent", SHA, nullable=False),  # empty for the first
    sa.Column("image_count", sa.Integer, nullable=False),
    build_written_at(),
)

version_tag = sa.Table(
    "version_tag",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tag", sa.String(16), nullable=False, unique=True),  # v1, v2, …
    sa.Column("version_hash", SHA, sa.ForeignKey("version.version_hash"), nullable=False),
    build_written_at(),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("run_id", SHA, primary_key=True),
    sa.Column("version_hash", SHA, sa.ForeignKey("version.version_hash"), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("arm", sa.String(16), nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    build_written_at(),
)

champion_decision = sa.Table(
    "champion_decision",
    metadata,
    build_row_number("decision_id"),
    sa.Column("run_id", SHA, sa.ForeignKey("run.run_id"), nullable=False),  # champion from now on
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("challenger", SHA, nullable=False),  # empty where nobody challenged
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),  # basis, images, difference, interval
    build_written_at(),
    sa.CheckConstraint(
        "verdict in ('promoted', 'undecided', 'kept', 'rolled back', 'by hand')",
        name="champion_verdict_is_known",
    ),
)

test_reading = sa.Table(
    "test_reading",
    metadata,
    build_row_number("reading_id"),
    sa.Column("run_id", SHA, nullable=False),
    sa.Column("version_hash", SHA, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("image_count", sa.Integer, nullable=False),
    build_written_at(),
)
