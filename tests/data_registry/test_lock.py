"""One flow at a time, and a lock that dies with its holder."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_registry.errors import BusyError
from data_registry.lock import hold_workspace
from data_registry.registry import Registry

HOLDER = """
import sys
from data_registry.lock import hold_workspace
from data_registry.registry import Registry
with Registry.open(sys.argv[1], sys.argv[2] or None) as registry, hold_workspace(registry):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database(request: pytest.FixtureRequest) -> str:
    """Create an empty SQLite database, or a PostgreSQL one."""
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""


def test_the_second_is_refused_until_the_first_has_ended(database: str, tmp_path: Path) -> None:
    with Registry.open(str(tmp_path), database or None) as registry:
        with (
            hold_workspace(registry),
            pytest.raises(BusyError, match="another flow"),
            hold_workspace(registry),
        ):
            pass
        with hold_workspace(registry):
            pass


def test_a_killed_holder_holds_nothing(database: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), database]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        Registry.open(str(tmp_path), database or None) as registry,
    ):
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError), hold_workspace(registry):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        _free_again(registry)


def _free_again(registry: Registry) -> None:
    """PostgreSQL needs a moment to notice that a client is gone."""
    for attempt in range(100):
        try:
            with hold_workspace(registry):
                return
        except BusyError:
            if attempt == 99:
                raise
            subprocess.run(["sleep", "0.05"], check=True)
