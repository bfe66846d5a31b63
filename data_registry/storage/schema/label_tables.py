"""Classes from people and teachers, splits, decisions and the review queue."""

import sqlalchemy as sa

from data_registry.storage.schema.columns import (
    SHA,
    build_image_key,
    build_row_number,
    build_written_at,
    metadata,
)

label = sa.Table(
    "label",
    metadata,
    build_image_key(),
    sa.Column("class_name", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),  # below the imported folder
    sa.Column("given_split", sa.String(8), nullable=False),  # train, val, test or empty
    build_written_at(),
)

split_assignment = sa.Table(
    "split_assignment",
    metadata,
    build_image_key(),
    sa.Column("split", sa.String(8), nullable=False),
    build_written_at(),
    sa.CheckConstraint("split in ('train', 'val', 'test')", name="split_is_known"),
)

teacher = sa.Table(
    "teacher",
    metadata,
    sa.Column("teacher_id", SHA, primary_key=True),
    sa.Column("card", sa.JSON, nullable=False),  # backbone, weights, labelled set, calibration
    build_written_at(),
)

prediction = sa.Table(
    "prediction",
    metadata,
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), primary_key=True),
    build_image_key(),
    sa.Column("class_name", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),  # calibrated probability of class_name
    sa.Column("probabilities", sa.JSON, nullable=False),  # class name to calibrated probability
    sa.Column("gate_distance", sa.Float, nullable=False),  # see labeling.gate
    build_written_at(),
)

decision = sa.Table(
    "decision",
    metadata,
    build_row_number("decision_id"),
    build_image_key(primary=False),
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("verdict", sa.String(8), nullable=False),
    sa.Column("class_name", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    build_written_at(),
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
    build_row_number("annotation_id"),
    build_image_key(primary=False),
    sa.Column("class_name", sa.Text, nullable=False),  # empty: none of the classes
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("purpose", sa.String(8), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    build_written_at(),
    sa.CheckConstraint("purpose in ('review', 'audit')", name="purpose_is_known"),
    sa.Index("annotation_image", "sha256", "annotation_id"),
)

# The random sample of one teacher's accepted images that a person is asked about.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), primary_key=True),
    build_image_key(),
    sa.Column("accepted_as", sa.Text, nullable=False),
    build_written_at(),
)

# What an audit certifies, stored before its first answer: the accepted images in the random order
# in which they are answered, the precision, and the chance of a false certificate.
audit_plan = sa.Table(
    "audit_plan",
    metadata,
    build_row_number("audit_id"),
    sa.Column("teacher_id", SHA, sa.ForeignKey("teacher.teacher_id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # of the project's audits that were answered
    sa.Column("target", sa.Float, nullable=False),
    sa.Column("delta", sa.Float, nullable=False),
    build_written_at(),
)
audit_member = sa.Table(
    "audit_member",
    metadata,
    sa.Column(
        "audit_id", sa.ForeignKey("audit_plan.audit_id"), primary_key=True, autoincrement=False
    ),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    build_image_key(primary=False),
    sa.Column("accepted_as", sa.Text, nullable=False),
)

# Which images of the pool a person is asked about first. Drawn anew by each labelling.
question = sa.Table(
    "question",
    metadata,
    build_image_key(),
    sa.Column("rank", sa.Integer, nullable=False),
)
