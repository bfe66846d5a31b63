"""The address of a project's Prefect server, and whether a server answers there."""

import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import requests

from data_registry.errors import ProjectFileError
from flows.config.scaffold import DEFAULT_API, PREFECT_FILE

VARIABLE = "PREFECT_API_URL"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_PATIENCE = 2.0  # seconds until a server must answer


def find_api_url(project: Path) -> str:
    """Find the API's address: from the environment, else the project's prefect.toml, else ours.

    Prefect itself reads prefect.toml only from the current folder; a command that runs elsewhere
    must use the same server.

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


def is_healthy(api: str) -> bool:
    """Whether a Prefect server at this address passes its health check."""
    try:
        return requests.get(f"{api}/health", timeout=_PATIENCE).ok
    except requests.RequestException:
        return False


def needs_no_secret(api: str) -> bool:
    """Whether the server at this address accepts requests without a secret."""
    try:
        return requests.get(f"{api}/version", timeout=_PATIENCE).ok
    except requests.RequestException:
        return False


def split_host_and_port(api: str) -> tuple[str, int]:
    """Split an address into the host and port on which its server listens."""
    parts = urlsplit(api)
    return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


def build_ui_url(api: str) -> str:
    """Build the address of the server's pages."""
    return api.removesuffix("/api")
