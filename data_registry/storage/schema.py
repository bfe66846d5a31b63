"""The registry's tables (SQLAlchemy Core): SQLite by default, PostgreSQL by URL.

A row that says who, what, when and why is never changed: `data_registry.storage.triggers` makes the
database itself refuse it. Membership of versions lives in Parquet
(`data_registry.versions.publishing`).
"""

import sqlalchemy as sa

metadata = sa.MetaData()

SHA = sa.String(64)
IMAGE_ID = "image.sha256"


def _build_image_key(primary: bool = True) -> "sa.Column[str]":
    return sa.Column("sha256", SHA, sa.ForeignKey(IMAGE_ID), primary_key=primary, nullable=False)


def _build_row_number(name: str) -> "sa.Column[int]":
    """Build a growing number: the order in which rows were written, never part of a digest."""
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, primary_key=True, autoincrement=True)


def _build_written_at() -> "sa.Column[str]":
    return sa.Column("at", sa.String(32), nullable=False)  # ISO 8601, UTC


image = sa.Table(
    "image",
    metadata,
    sa.Column("sha256", SHA, primary_key=True),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    _build_written_at(),
)

image_hash = sa.Table(
    "image_hash",
    metadata,
    _build_image_key(),
    sa.Column("kind", sa.String(8), primary_key=True),  # phash, dhash
    # Eight big-endian unsigned 64-bit integers, one an orientation.
    sa.Column("orientations", sa.LargeBinary(64), nullable=False),
)

source = sa.Table(
    "source",
    metadata,
    _build_image_key(),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("query", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("page_url", sa.Text, nullable=False),
    sa.Column("licence", sa.Text, nullable=False),
    sa.Column("licence_url", sa.Text, nullable=False),
    sa.Column("creator", sa.Text, nullable=False),
    _build_written_at(),
)

fetch_attempt = sa.Table(
    "fetch_attempt",
    metadata,
    _build_row_number("attempt_id"),
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
    _build_written_at(),
    sa.Index("fetch_attempt_candidate", "provider", "query", "url"),
)

# Evidence that two images belong together. Kept for ever; group_member is drawn from it.
group_link = sa.Table(
    "group_link",
    metadata,
    sa.Column("first", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("second", SHA, sa.ForeignKey(IMAGE_ID), primary_key=True),
    sa.Column("method", sa.String(16), primary_key=True),  # hash, name, features
    sa.Column("distance", sa.Float, nullable=False),
    _build_written_at(),
    sa.CheckConstraint("first < second", name="group_link_is_ordered"),
)

# A person's word on two images. Stronger than every link; the last one on a pair holds.
copy_word = sa.Table(
    "copy_word",
    metadata,
    _build_row_number("word_id"),
    sa.Column("first", SHA, sa.ForeignKey(IMAGE_ID), nullable=False),
    sa.Column("second", SHA, sa.ForeignKey(IMAGE_ID), nullable=False),
    sa.Column("says", sa.String(16), nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    _build_written_at(),
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
    _build_written_at(),
    sa.CheckConstraint("first < second", name="comparison_is_ordered"),
)

group_member = sa.Table(
    "group_member",
    metadata,
    _build_image_key(),
    # The smallest SHA-256 among the members: the same whatever order images came in.
    sa.Column("group_id", SHA, nullable=False, index=True),
    sa.Column("method", sa.String(16), nullable=False),  # of the closest link; "alone" without one
    sa.Column("distance", sa.Float, nullable=False),
)

label = sa.Table(
    "label",
    metadata,
    _build_image_key(),
    sa.Column("class_name", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),  # below the imported folder
    sa.Column("given_split", sa.String(8), nullable=False),  # train, val, test or empty
    _build_written_at(),
)

split_assignment = sa.Table(
    "split_assignment",
    metadata,
    _build_image_key(),
    sa.Column("split", sa.String(8), nullable=False),
    _build_written_at(),
    sa.CheckConstraint("split in ('train', 'val', 'test')", name="split_is_known"),
)

teacher = sa.Table(
    "teacher",
    metadata,
    sa.Column("teacher_id", SHA, primary_key=True),
    sa.Column("card", sa.JSON, nullable=False),  # backbone, weights, labelled set, calibration
    _build_written_at(),
)

prediction = sa.Table(
    "prediction",
    metadata,
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), primary_key=True),
    _build_image_key(),
    sa.Column("class_name", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),  # calibrated probability of class_name
    sa.Column("probabilities", sa.JSON, nullable=False),  # class name to calibrated probability
    sa.Column("gate_distance", sa.Float, nullable=False),  # see labeling.gate
    _build_written_at(),
)

decision = sa.Table(
    "decision",
    metadata,
    _build_row_number("decision_id"),
    _build_image_key(primary=False),
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("verdict", sa.String(8), nullable=False),
    sa.Column("class_name", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    _build_written_at(),
    sa.CheckConstraint("verdict in ('accepted', 'review', 'rejected')", name="verdict_is_known"),
    sa.Index("decision_image", "sha256", "decision_id"),
)

# The numbers behind a decision, by name; see data_registry.labels.decisions.EVIDENCE.
decision_evidence = sa.Table(
    "decision_evidence",
    metadata,
    sa.Column(
        "decision_id", sa.ForeignKey("decision.decision_id"), primary_key=True, autoincrement=False
    ),
    sa.Column("facts", sa.JSON, nullable=False),
)

annotation = sa.Table(
    "annotation",
    metadata,
    _build_row_number("annotation_id"),
    _build_image_key(primary=False),
    sa.Column("class_name", sa.Text, nullable=False),  # empty: none of the classes
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("purpose", sa.String(8), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    _build_written_at(),
    sa.CheckConstraint("purpose in ('review', 'audit')", name="purpose_is_known"),
    sa.Index("annotation_image", "sha256", "annotation_id"),
)

# The random sample of one teacher's accepted images that a person is asked about.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), primary_key=True),
    _build_image_key(),
    sa.Column("accepted_as", sa.Text, nullable=False),
    _build_written_at(),
)

# Which images of the pool a person is asked about first. Drawn anew by each labelling.
question = sa.Table(
    "question",
    metadata,
    _build_image_key(),
    sa.Column("rank", sa.Integer, nullable=False),
)

version = sa.Table(
    "version",
    metadata,
    sa.Column("version_hash", SHA, primary_key=True),
    sa.Column("parent", SHA, nullable=False),  # empty for the first
    sa.Column("image_count", sa.Integer, nullable=False),
    _build_written_at(),
)

version_tag = sa.Table(
    "version_tag",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tag", sa.String(16), nullable=False, unique=True),  # v1, v2, …
    sa.Column("version_hash", SHA, sa.ForeignKey("version.version_hash"), nullable=False),
    _build_written_at(),
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
    _build_written_at(),
)

champion_decision = sa.Table(
    "champion_decision",
    metadata,
    _build_row_number("decision_id"),
    sa.Column("run_id", SHA, sa.ForeignKey("run.run_id"), nullable=False),  # champion from now on
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("challenger", SHA, nullable=False),  # empty where nobody challenged
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),  # basis, images, difference, interval
    _build_written_at(),
    sa.CheckConstraint(
        "verdict in ('promoted', 'undecided', 'kept', 'rolled back', 'by hand')",
        name="champion_verdict_is_known",
    ),
)

test_reading = sa.Table(
    "test_reading",
    metadata,
    _build_row_number("reading_id"),
    sa.Column("run_id", SHA, nullable=False),
    sa.Column("version_hash", SHA, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("image_count", sa.Integer, nullable=False),
    _build_written_at(),
)

# Collected, not kept: bytes that were turned down went, the row and its history stay.
discarded = sa.Table(
    "discarded",
    metadata,
    _build_image_key(),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    _build_written_at(),
)

tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("sha256", SHA, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    _build_written_at(),
)

# Which workspace this is: the same id stands in the folder; see data_registry.storage.workspace_id.
workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("workspace_id", sa.String(32), nullable=False),
    _build_written_at(),
    sa.CheckConstraint("number = 1", name="workspace_is_one"),
)
