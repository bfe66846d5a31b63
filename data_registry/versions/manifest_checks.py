"""Rules that relate a manifest to the other tables, checked with DuckDB.

The tables are read once for all versions: a million rows take a few seconds.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_registry.duplicates.links import active_links
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.versions.leaks import LEAKS, Rules
from data_registry.versions.splits import HELD_OUT
from data_registry.vocabulary import ClassOrigin, Verdict

LINKED = "linked-across-splits"

if TYPE_CHECKING:
    import duckdb

# `kept` holds the manifest's rows that are not excluded; the other tables are loaded below.
RULES: Rules = {
    **LEAKS,
    "split-moved": (
        "an image stands in another split than it was assigned to",
        """SELECT sha256 FROM kept LEFT JOIN held_out USING (sha256)
           WHERE coalesce(held_out.assigned, 'train') <> kept.split""",
    ),
    "image-unknown": (
        "an image of the version is not in the registry",
        "SELECT sha256 FROM kept ANTI JOIN image USING (sha256)",
    ),
    "class-without-origin": (
        "nobody stated the class an image has",
        "SELECT sha256 FROM kept ANTI JOIN said USING (class_origin, sha256, class_name)",
    ),
    LINKED: (
        "two linked images stand in different splits",
        """SELECT link.first FROM link
           JOIN kept a ON a.sha256 = link.first JOIN kept b ON b.sha256 = link.second
           WHERE a.split <> b.split""",
    ),
}
PRESENCE: Rules = {
    "blob-missing": (
        "an image's bytes are not in the workspace",
        """SELECT DISTINCT sha256 FROM kept
           ANTI JOIN present USING (sha256) ANTI JOIN tombstone USING (sha256)""",
    )
}


def load_rule_tables(registry: Registry) -> dict[str, pa.Table]:
    """Load the tables that `RULES` query beside the manifest."""
    label, decision, answer = schema.label, schema.decision, schema.annotation
    assigned, origin = schema.split_assignment, "class_origin"
    accepted = decision.c.verdict == Verdict.ACCEPTED.value
    said = [
        sa.select(
            sa.literal(ClassOrigin.LABEL.value).label(origin), label.c.sha256, label.c.class_name
        ),
        sa.select(
            sa.literal(ClassOrigin.ANNOTATION.value).label(origin),
            answer.c.sha256,
            answer.c.class_name,
        ),
        sa.select(
            sa.literal(ClassOrigin.DECISION.value).label(origin),
            decision.c.sha256,
            decision.c.class_name,
        ).where(accepted),
    ]
    held_out = sa.select(assigned.c.sha256, assigned.c.split.label("assigned"))
    links = active_links(registry)[["first", "second", "at"]].astype(str)
    table = registry.database.table
    return {
        "image": table(sa.select(schema.image.c.sha256)),
        "held_out": table(held_out.where(assigned.c.split.in_(HELD_OUT))),
        "said": pa.concat_tables([table(statement) for statement in said]),
        "link": _build_text_table(links),
    }


def load_presence_tables(registry: Registry) -> dict[str, pa.Table]:
    """Load the tables that `PRESENCE` queries: images whose bytes exist, and tombstones.

    Raises:
        StorageError: the files cannot be listed.
    """
    paths = registry.files.walk("blobs")
    names = [name for path in paths if build_blob_path(name := path.rpartition("/")[2]) == path]
    return {
        "present": pa.table({"sha256": pa.array(names, pa.string())}),
        "tombstone": registry.database.table(sa.select(schema.tombstone.c.sha256)),
    }


def _build_text_table(rows: pd.DataFrame) -> pa.Table:
    """Build a table of text columns, also where there are no rows to infer the type from."""
    schema = pa.schema([(name, pa.string()) for name in rows.columns])
    return pa.Table.from_pandas(rows, schema, preserve_index=False)


@contextmanager
def open_tables(tables: Mapping[str, pa.Table]) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open a connection that holds the tables, `manifest` among them, and the view `kept`."""
    import duckdb

    with duckdb.connect() as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        connection.execute("CREATE TEMP VIEW kept AS FROM manifest WHERE split <> 'excluded'")
        yield connection
