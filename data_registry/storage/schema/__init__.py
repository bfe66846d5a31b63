"""The registry's tables (SQLAlchemy Core): SQLite by default, PostgreSQL by URL.

A row that says who, what, when and why is never changed: `data_registry.storage.triggers` makes the
database itself refuse it. Membership of versions lives in Parquet
(`data_registry.versions.publishing`).
"""

from data_registry.storage.schema.columns import metadata
from data_registry.storage.schema.duplicate_tables import (
    comparison,
    copy_word,
    group_link,
    group_member,
)
from data_registry.storage.schema.image_tables import fetch_attempt, image, image_hash, source
from data_registry.storage.schema.label_tables import (
    annotation,
    audit,
    audit_member,
    audit_plan,
    decision,
    decision_evidence,
    label,
    prediction,
    question,
    split_assignment,
    teacher,
)
from data_registry.storage.schema.version_tables import (
    champion_decision,
    run,
    test_reading,
    version,
    version_tag,
)
from data_registry.storage.schema.workspace_tables import discarded, tombstone, workspace

__all__ = [
    "annotation",
    "audit",
    "audit_member",
    "audit_plan",
    "champion_decision",
    "comparison",
    "copy_word",
    "decision",
    "decision_evidence",
    "discarded",
    "fetch_attempt",
    "group_link",
    "group_member",
    "image",
    "image_hash",
    "label",
    "metadata",
    "prediction",
    "question",
    "run",
    "source",
    "split_assignment",
    "teacher",
    "test_reading",
    "tombstone",
    "version",
    "version_tag",
    "workspace",
]
