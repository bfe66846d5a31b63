"""Where a project's Prefect server is, and whether it answers."""

import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import requests

from data_registry.errors import ProjectFileError
from flows.config.scaffold import DEFAULT_API, PREFECT_FILE

VARIABLE = "PREFECT_API_URL"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_PATIENCE = 2.0  # seconds for a server to say that it is well


def api_url(project: Path) -> str:
    """The API's address: the environment's, else that of the project's prefect.toml, else ours.

    Prefect itself reads prefect.toml from the current folder alone; a command that is given
    elsewhere must mean the same server.

    Raises:
        ProjectFileError: prefect.toml is no TOML.
    """
    file = project / PREFECT_FILE
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectFileError(f"{file} is not valid TOML: {error}") from error
    stated = settings.get("api", {}).get("url", "")
    return os.environ.get(VARIABLE) or str(stated) or DEFAULT_API


def answers(api: str) -> bool:
    """Whether a Prefect server is well at this address."""
    try:
        return requests.get(f"{api}/health", timeout=_PATIENCE).ok
    except requests.RequestException:
        return False


def asks_for_no_secret(api: str) -> bool:
    """Whether the server at this address obeys everybody who can reach it."""
    try:
        return requests.get(f"{api}/version", timeout=_PATIENCE).ok
    except requests.RequestException:
        return False


def host_and_port(api: str) -> tuple[str, int]:
    """Where a server must listen to have this address."""
    parts = urlsplit(api)
    return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


def ui_url(api: str) -> str:
    """The address for a browser."""
    return api.removesuffix("/api")
