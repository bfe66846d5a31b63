"""Find versions and image bytes in the folder that have no row in the database."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.stored_names import parse_version_name
from data_registry.versions.leaks import Breach, build_breach
from data_registry.versions.published_versions import load_publication_times

_ADVICE = (
    "a running or stopped run leaves a few, and `ephyra gc` deletes them a day later; many mean "
    "that the database is older than the files: restore it before anything else"
)


def find_files_without_row(registry: Registry, present: pa.Table) -> Iterator[Breach]:
    """Find image bytes and versions without a row.

    Args:
        registry: holds the rows.
        present: column ``sha256``: images whose bytes exist.
    """
    named = [
        registry.database.table(sa.select(table.c.sha256))["sha256"]
        for table in (schema.image, schema.tombstone)
    ]
    values = pa.chunked_array([part for column in named for part in column.chunks], pa.string())
    bytes_alone = present.filter(pc.invert(pc.is_in(present["sha256"], values)))["sha256"]
    if len(bytes_alone):
        yield build_breach(
            "bytes-without-row",
            f"an image's bytes without a row: {_ADVICE}",
            bytes_alone.to_pylist(),
        )
    published = load_publication_times(registry)
    names = {parse_version_name(path) for path in registry.files.walk("versions")} - {
        "",
        *published,
    }
    if names:
        yield build_breach(
            "version-without-row", f"a version without a row: {_ADVICE}", sorted(names)
        )
