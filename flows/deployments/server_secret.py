"""The secret of a Prefect server that `ephyra up` starts, and the file that holds it.

Anyone who reaches a Prefect server without a secret can make its workers run any command. The
secret is new at every start. It is in an owner-only file below Prefect's own home, never in the
project's folder, which may be shared or committed. The server's process holds a lock on the file:
a file without the lock is left over, and its secret is not used.
"""

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.deployments.server_address import LOCAL_HOSTS, split_host_and_port

VARIABLE = "PREFECT_API_AUTH_STRING"
_USER = "ephyra:"
_BYTES = 32


@dataclass(frozen=True)
class IssuedSecret:
    """A secret and the file that holds it.

    Attributes:
        text: what Prefect calls an auth string, ``user:password``.
        file: readable by its owner alone.
        descriptor: the open, locked file. The server inherits it, so that the lock lives as long
            as the server does.
    """

    text: str
    file: Path
    descriptor: int


@contextlib.contextmanager
def issue_secret(api: str) -> Iterator[IssuedSecret]:
    """Create a secret for the server at `api`, and delete its file at the end."""
    file = find_secret_file(api)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = _USER + secrets.token_urlsafe(_BYTES)
    descriptor, new = tempfile.mkstemp(dir=file.parent)  # readable by its owner alone
    try:
        os.write(descriptor, text.encode())
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        Path(new).replace(file)
        yield IssuedSecret(text, file, descriptor)
    finally:
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(file.stat(), os.fstat(descriptor)):  # another start may own it now
                file.unlink()
        os.close(descriptor)


def choose_secret(api: str, stated: str | None) -> str | None:
    """Choose the secret for `api`: our running server's, else the one in Prefect's settings.

    Args:
        api: the server's API.
        stated: Prefect's own setting. A secret of ours for another server is not sent to this one.
    """
    return find_secret(api) or (None if (stated or "").startswith(_USER) else stated)


def find_secret(api: str) -> str | None:
    """Find the secret of our server at `api`; None where we run none."""
    try:
        descriptor = os.open(find_secret_file(api), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        is_alive = _is_private(descriptor) and _is_locked(descriptor)
        return file.read().strip() if is_alive else None


def find_secret_file(api: str) -> Path:
    """Find the secret file of a server's address; all names of this machine mean one server."""
    host, port = split_host_and_port(api)
    name = "local" if host in LOCAL_HOSTS else host.replace(":", "-")
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    return home / "ephyra" / f"{name}-{port}.secret"


def _is_private(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
