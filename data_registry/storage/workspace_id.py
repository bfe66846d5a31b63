"""One id in a workspace's folder and in its database: neither is used with another's.

A database that was lost, mistyped or restored from elsewhere knows none of the folder's images, and
a command that believed it would take them for orphaned files. A workspace without an id, new or
made by an earlier release, gets one where its folder and database are seen to belong together.
"""

import json
import uuid

import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.storage import schema
from data_registry.storage.database import Database, now
from data_registry.storage.files import FileStore
from data_registry.storage.stored_names import (
    ID_FILE,
    build_blob_path,
    parse_blob_name,
    parse_version_name,
)

_KEY = "workspace"
_ONLY_ROW = 1
_LOOKED_FOR = 20  # images; one that lies in the folder is enough
_ADVICE = (
    "Nothing was changed. Check [storage] files and database in ephyra.toml, or restore the one "
    "that was lost from a backup"
)


def refuse_known_files(files: FileStore, place: str) -> None:
    """Refuse to make a new database for a folder that holds a workspace's files.

    Args:
        files: the folder.
        place: the database, in words that hold no password.

    Raises:
        StorageError: there are images or versions.
    """
    if has_known_files(files):
        raise StorageError(
            f"the database {place} is empty, but {files.shown_root} holds images or versions of a "
            f"workspace: they do not belong together. {_ADVICE}; to begin anew, name another folder"
        )


def bind(files: FileStore, database: Database) -> str:
    """Check that a folder and a database belong to one workspace, or bind them.

    Returns:
        The id that stands in both from now on.

    Raises:
        StorageError: they belong to different workspaces, or are not seen to belong together;
            nothing was changed.
    """
    in_folder, in_database = _read_file(files), _read_row(database)
    if in_folder and in_folder == in_database:
        return in_folder
    if in_folder and in_database:
        raise StorageError(
            f"the database {database.place} is of workspace {in_database}, and {files.shown_root} "
            f"holds the files of workspace {in_folder}. {_ADVICE}"
        )
    _refuse_unrelated(files, database)
    given = in_database or _write_row(database, in_folder or uuid.uuid4().hex)
    if not in_folder:
        files.write(ID_FILE, json.dumps({_KEY: given}).encode() + b"\n")
    return given


def has_known_files(files: FileStore) -> bool:
    """Whether the folder holds images or versions named as Ephyra names them."""
    return any(parse_blob_name(path) for path in files.walk("blobs")) or any(
        parse_version_name(path) for path in files.walk("versions")
    )


def _refuse_unrelated(files: FileStore, database: Database) -> None:
    """Refuse to give an id unless both are empty or the folder holds images of the database."""
    image = schema.image.c.sha256
    if not database.rows(sa.select(image).limit(1)):
        refuse_known_files(files, database.place)
        return
    gone = (sa.select(schema.tombstone.c.sha256), sa.select(schema.discarded.c.sha256))
    there = sa.select(image).where(*(image.not_in(table) for table in gone))
    names = [row.sha256 for row in database.rows(there.order_by(image).limit(_LOOKED_FOR))]
    if names and not any(files.exists(build_blob_path(name)) for name in names):
        raise StorageError(
            f"of {len(names)} images that the database {database.place} knows none lies in "
            f"{files.shown_root}: they do not belong together. {_ADVICE}"
        )


def _read_file(files: FileStore) -> str:
    if not files.exists(ID_FILE):
        return ""
    try:
        found = json.loads(files.read(ID_FILE))[_KEY]
        return uuid.UUID(found).hex
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"{ID_FILE} in {files.shown_root} is damaged: it names no workspace. Delete it: it is "
            "written again where the folder and the database belong together"
        ) from error


def _read_row(database: Database) -> str:
    rows = database.rows(sa.select(schema.workspace.c.workspace_id))
    return str(rows[0].workspace_id) if rows else ""


def _write_row(database: Database, workspace_id: str) -> str:
    """Write an id and return the stored one: that of the first of several concurrent writers."""
    row = {"number": _ONLY_ROW, "workspace_id": workspace_id, "at": now()}
    with database.transaction() as connection:
        database.add(connection, schema.workspace, [row])
    return _read_row(database)
