"""Evidence that images are duplicates, and their groups."""

import sqlalchemy as sa

from data_registry.storage.schema.columns import (
    IMAGE_ID,
    SHA,
    build_image_key,
    build_row_number,
    build_written_at,
    metadata,
)

# Evidence that two images belong together. Kept for ever; group_member is drawn from it.
group_link = sa.Table(
    "group_link",
    metadata,
    sa.Column("first", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("second", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("method", sa.String(16), primary_key=True),  # hash, name, features
    sa.Column("distance", sa.Float, nullable=False),
    build_written_at(),
    sa.CheckConstraint("first < second", name="group_link_is_ordered"),
)

# A person's word on two images. Stronger than every link; the last one on a pair holds.
copy_word = sa.Table(
    "copy_word",
    metadata,
    build_row_number("word_id"),
    sa.Column("first", SHA, sa.ForeignKey(IMAGE_ID), nullable=False),
    sa.Column("second", SHA, sa.ForeignKey(IMAGE_ID), nullable=False),
    sa.Column("says", sa.String(16), nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    build_written_at(),
    sa.CheckConstraint("first < second", name="copy_word_is_ordered"),
    sa.CheckConstraint("says in ('same', 'not the same')", name="copy_word_is_known"),
    sa.Index("copy_word_pair", "first", "second", "word_id"),
)

# Two images compared point by point, whether or not it made a link: none is compared twice.
comparison = sa.Table(
    "comparison",
    metadata,
    sa.Column("first", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("second", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("method", sa.String(16), primary_key=True),  # see local_features
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("correlation", sa.Float, nullable=False),
    build_written_at(),
    sa.CheckConstraint("first < second", name="comparison_is_ordered"),
)

group_member = sa.Table(
    "group_member",
    metadata,
    build_image_key(),
    # The smallest SHA-256 among the members: the same whatever order images came in.
    sa.Column("group_id", SHA, nullable=False, index=True),
    sa.Column("method", sa.String(16), nullable=False),  # of the closest link; "alone" without one
    sa.Column("distance", sa.Float, nullable=False),
)
