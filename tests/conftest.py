"""Real parts that tests of several rooms need."""

import importlib.util
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from data_registry.registry import Registry

# Timings belong into benchmarks; a busy machine must not fail a test.
settings.register_profile("ephyra", deadline=None)
settings.load_profile("ephyra")

SHARED = Path(os.environ.get("EPHYRA_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def _absent(what: str) -> None:
    """Skip a test that lacks a part, by name; fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; .ci/run must provide it")
    pytest.skip(what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    absent = pytest.mark.skip(reason=f"the real photographs are not in {SHARED}")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(absent)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real photographs and weights."""
    return SHARED


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Open an empty registry on SQLite and a folder."""
    with Registry.open(tmp_path / "workspace") as opened:
        yield opened


@pytest.fixture
def mlflow() -> None:
    """Require the extra of this name."""
    if importlib.util.find_spec("mlflow") is None:
        _absent("the extra mlflow is not installed")


@pytest.fixture
def wandb() -> None:
    """Require the extra of this name."""
    if importlib.util.find_spec("wandb") is None:
        _absent("the extra wandb is not installed")


@pytest.fixture
def chromium() -> str:
    """Return the path of Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        _absent("there is no chromium on this machine")
    return str(found)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """Create a fresh database on the PostgreSQL server that EPHYRA_TEST_POSTGRES names."""
    server = os.environ.get("EPHYRA_TEST_POSTGRES", "")
    if not server:
        _absent("EPHYRA_TEST_POSTGRES names no PostgreSQL server")
    name = f"ephyra_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def unprivileged(tmp_path: Path) -> list[str]:
    """How a command begins that must obey the permissions of files, also where root runs the tests.

    Root loses the two capabilities that pass over permissions, and keeps access to its Python.
    """
    if os.geteuid() != 0:
        return []
    lost = "-dac_override,-dac_read_search"
    begin = ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}"]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    if (
        shutil.which("setpriv") is None
        or not subprocess.run(
            [*begin, "mkdir", str(closed / "inside")], check=False, capture_output=True
        ).returncode
    ):
        _absent("root cannot give up its privileges here with setpriv")
    return begin


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes, or of the size given as the fixture's parameter."""
    folder = tmp_path / "small"
    folder.mkdir()
    size = getattr(request, "param", "2m")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True) if os.geteuid() == 0 else None
    if done is None or done.returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
