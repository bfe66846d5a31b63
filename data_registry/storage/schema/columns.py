"""The metadata that all tables belong to, and the columns that many of them have."""

import sqlalchemy as sa

metadata = sa.MetaData()

SHA = sa.String(64)
IMAGE_ID = "image.sha256"


def build_image_key(primary: bool = True) -> "sa.Column[str]":
    """Build the name of an image."""
    return sa.Column("sha256", SHA, sa.ForeignKey(IMAGE_ID), primary_key=primary, nullable=False)


def build_row_number(name: str) -> "sa.Column[int]":
    """Build a growing number: the order in which rows were written, never part of a digest."""
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, primary_key=True, autoincrement=True)


def build_written_at() -> "sa.Column[str]":
    """Build the time at which a row was written."""
    return sa.Column("at", sa.String(32), nullable=False)  # ISO 8601, UTC
