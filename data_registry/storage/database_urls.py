"""Build SQLAlchemy URLs from their parts, so that no path is read as a URL."""

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from data_registry.errors import StorageError

# What SQLAlchemy, or a library that takes its URLs as text, reads as something else.
_SPECIAL = frozenset("?#%{}")
_EXPECTED = (
    "Expected an SQLAlchemy URL such as sqlite:///registry.db; a ? in a file's name is read as the "
    "beginning of the URL's options, so give such a file another name"
)


def build_sqlite_url(path: Path) -> sa.URL:
    """Build the URL of an SQLite file, whatever characters its path has."""
    return sa.URL.create("sqlite", database=str(path))


def parse_database_url(text: str, folder: Path) -> sa.URL:
    """Parse a URL; a relative SQLite file lies in `folder`.

    Raises:
        StorageError: the text is no such URL. It is never repeated, since it may hold a password.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise StorageError(f"the database's address cannot be read. {_EXPECTED}") from None
    if url.get_backend_name() != "sqlite":
        return url
    if "?" in text and not url.query:
        raise StorageError(f"the database's address ends in a ? without options. {_EXPECTED}")
    name = url.database or ""
    if not name or name.startswith((":", "file:")):
        return url
    return url.set(database=str((folder / name).resolve()))


def create_engine(url: str | sa.URL) -> sa.Engine:
    """Create the engine of a database; no connection is made yet.

    Raises:
        StorageError: the URL is none, or its driver is not installed.
    """
    try:
        return sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise StorageError(
            f"no database can be opened: {error}. Expected an SQLAlchemy URL such as "
            "sqlite:///registry.db; for PostgreSQL postgresql+psycopg://user@host/name, and pip "
            "install 'ephyra[postgres]'"
        ) from None


def build_sqlite_text_url(path: Path) -> str:
    """Build the URL of an SQLite file for libraries that take a string.

    SQLAlchemy reads a text up to its first ``?`` and unquotes nothing, so a path with special
    characters is given as SQLite's own URI: https://sqlite.org/uri.html. The driver is named, since
    MLflow takes what follows ``sqlite:///`` for a path and makes its folders.
    """
    if not _SPECIAL.intersection(str(path)):
        return f"sqlite:///{path}"
    return f"sqlite+pysqlite:///file:{quote(str(path))}?uri=true"
