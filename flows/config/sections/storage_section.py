"""[storage]: where a workspace's files and its database lie."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from data_registry.errors import StorageError
from flows.config.sections.section import Section

_DATABASES = ("sqlite", "postgresql")


def _check_files(files: str) -> str:
    """Refuse a bucket's address that would be read as a folder."""
    scheme = re.match(r"(\w+):/*", files)
    if scheme is None or "://" in files:
        return files
    from fsspec import available_protocols

    if scheme[1] in available_protocols():
        raise ValueError(
            f"expected a folder, or a URL with two slashes: {scheme[1]}://{files[scheme.end() :]}"
        )
    return files


def _check_database(url: str) -> str:
    """Refuse what is no URL of a database that keeps a workspace."""
    if not url:
        return url
    from data_registry.storage.database_urls import parse_database_url  # loads SQLAlchemy

    try:
        parsed = parse_database_url(url, Path())
    except StorageError as error:
        raise ValueError(str(error)) from None
    if parsed.get_backend_name() not in _DATABASES:
        raise ValueError(f"expected the URL of {' or '.join(_DATABASES)}")
    if not parsed.database:
        raise ValueError("the URL names no database, so nothing would be kept; expected one")
    return url


class StorageSection(Section):
    """[storage]"""

    files: Annotated[str, AfterValidator(_check_files)] = Field(
        ".", description="workspace: a folder, or an fsspec URL such as s3://…"
    )
    database: Annotated[str, AfterValidator(_check_database)] = Field(
        "", description="SQLAlchemy URL; empty: registry.db in the workspace"
    )
