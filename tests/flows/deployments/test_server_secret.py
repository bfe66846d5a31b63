"""The secret of a Prefect server: who finds it, and until when."""

import os
import socket
import time
from pathlib import Path

import pytest
from small_project import ephyra

from flows.deployments.children import Children
from flows.deployments.process_tree import list_descendants, select_running
from flows.deployments.server_secret import (
    choose_secret,
    find_secret,
    find_secret_file,
    issue_secret,
)
from flows.shared.environment import guard_server

API = "http://127.0.0.1:4217/api"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return tmp_path / "prefect"


def test_a_secret_is_found_while_its_server_runs(home: Path) -> None:
    assert find_secret(API) is None
    with issue_secret(API) as issued:
        assert find_secret(API) == issued.text
        assert find_secret("http://localhost:4217/api") == issued.text  # the same server
        assert find_secret("http://127.0.0.1:4218/api") is None
        assert issued.file.stat().st_mode & 0o777 == 0o600
        assert issued.file.parent.stat().st_mode & 0o777 == 0o700
        assert issued.file.is_relative_to(home)
    assert find_secret(API) is None
    assert not list(home.rglob("*.secret"))


def test_every_start_has_another_secret() -> None:
    with issue_secret(API) as first:
        pass
    with issue_secret(API) as second:
        assert first.text != second.text


def test_a_file_that_was_left_over_is_not_believed() -> None:
    """Whoever listens on the port of a server that was killed must not be given its secret."""
    with issue_secret(API) as issued:
        left = issued.text
    file = find_secret_file(API)
    file.write_text(left)
    file.chmod(0o600)
    assert find_secret(API) is None


def test_a_file_that_others_can_read_is_not_believed() -> None:
    with issue_secret(API) as issued:
        issued.file.chmod(0o644)
        assert find_secret(API) is None


def test_a_link_to_a_file_is_not_followed(tmp_path: Path) -> None:
    with issue_secret(API) as issued:
        moved = tmp_path / "elsewhere"
        issued.file.rename(moved)
        issued.file.symlink_to(moved)
        assert find_secret(API) is None


def test_a_server_keeps_its_secret_when_its_starter_dies(tmp_path: Path) -> None:
    """The lock on the file is inherited."""
    children = Children(tmp_path, {}, tmp_path / "logs")
    with issue_secret(API) as issued:
        children.start("server", ["http.server", "0"], descriptors=[issued.descriptor])
        kept = tmp_path / "kept"
        issued.file.rename(kept)  # as if the starter had been killed before it cleaned up
    kept.rename(find_secret_file(API))
    assert find_secret(API) == issued.text
    children.stop()
    assert find_secret(API) is None


def test_our_secret_goes_to_no_other_server() -> None:
    with issue_secret(API) as issued:
        assert choose_secret(API, "user:own") == issued.text
        assert choose_secret("http://elsewhere:4200/api", issued.text) is None
        assert choose_secret("http://elsewhere:4200/api", "user:own") == "user:own"
        assert choose_secret("http://elsewhere:4200/api", None) is None


def test_a_guarded_server_allows_its_own_pages_alone() -> None:
    variables = guard_server("http://localhost:4200/api", "ephyra:x")
    assert variables["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "http://localhost:4200"
    assert variables["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert variables["PREFECT_SERVER_API_AUTH_STRING"] == "ephyra:x"


def test_a_taken_port_is_refused_with_the_way_out(project: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        said = ephyra("up", "--site-port", str(port), "--project", project)
    assert said.code == 2
    assert f"port {port} is taken" in said.err
    assert "`ephyra up --suffix NAME --site-port " in said.err


@pytest.mark.slow
def test_what_children_started_in_groups_of_their_own_ends_too(tmp_path: Path) -> None:
    """Prefect's worker gives every flow run a process group of its own."""
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys, time\n"
        "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " time.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with Children(tmp_path, {"PYTHONPATH": str(tmp_path)}, tmp_path / "logs") as children:
        children.start("worker", ["parent"])
        log = children.get_log_file("worker")
        while not (told := log.read_text()).endswith("\n"):
            time.sleep(0.05)
        grandchild = int(told)
        assert grandchild in list_descendants({os.getpid()})
        assert log.stat().st_mode & 0o777 == 0o600
    assert not select_running({grandchild})


def test_a_child_that_ends_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys; sys.exit('there is no such pool')")
    with Children(tmp_path, {"PYTHONPATH": str(tmp_path)}, tmp_path / "logs") as children:
        children.start("worker", ["broken"])
        while not (ended := children.find_ended()):
            time.sleep(0.05)
        words = children.describe_end("worker", ended["worker"])
    assert "the worker ended with code 1" in words
    assert "there is no such pool" in words
    assert str(tmp_path / "logs" / "worker.log") in words
