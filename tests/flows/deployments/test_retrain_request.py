"""Requests to retrain: answers never fail because a Prefect server does, and no request is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small_project import told

from data_registry.errors import InputError
from flows.config.workspace import open_workspace
from flows.deployments import retrain_request
from flows.deployments.retrain_request import ask_for_retrain, is_retrain_wanted
from flows.stages.stages import collect_stage

pytestmark = pytest.mark.slow


@contextmanager
def failing_server(status: int, body: bytes = b"") -> Iterator[str]:
    """Serve a server that is well at /health and fails at everything else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class wants this name
            is_well = self.path.endswith("/health")
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response(200 if is_well else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "0" if is_well else str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if is_well else body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.fixture
def answers(imported: Path) -> Path:
    """Write a file that answers one image."""
    with open_workspace(imported) as workspace:
        collect_stage(workspace)
        pool = workspace.registry.find_known_images() - workspace.registry.find_labelled_images()
    sheet = imported / "answers.csv"
    sheet.write_text(f"sha256,answer\n{min(pool)},moon\n")
    return sheet


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b""),
        (500, b'{"detail": "no"}'),
        (401, b"{}"),
        (404, b""),
        (200, b"<html>"),
        (200, b"{}"),
    ],
)
def test_answers_are_taken_whatever_the_server_does(
    imported: Path, answers: Path, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_server(status, body) as api:
        monkeypatch.setenv("PREFECT_API_URL", api)
        first = told(imported, "review", "--answer", answers)
        assert first["taken"]["new"] == 1
        assert "nothing was started" in first["retrain"]
        assert is_retrain_wanted(imported)
        # nothing is new, and the request is made again all the same
        again = told(imported, "review", "--answer", answers)
    assert again["taken"]["new"] == 0
    assert "nothing was started" in again["retrain"]


def test_a_request_that_was_kept_is_made_once(
    imported: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_server(503) as api:
        monkeypatch.setenv("PREFECT_API_URL", api)
        told(imported, "review", "--answer", answers)
    monkeypatch.setattr(
        retrain_request, "_request", lambda _folder: "asked for retrain: flow run bay"
    )
    again = told(imported, "review", "--answer", answers)
    assert again["retrain"] == "asked for retrain: flow run bay"
    assert not is_retrain_wanted(imported)
    assert not told(imported, "review", "--answer", answers)["retrain"]


def test_without_a_server_the_request_is_kept(
    imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert "no Prefect server answers" in ask_for_retrain(imported)
    assert is_retrain_wanted(imported)


def test_a_deployment_is_refused_without_a_traceback(
    imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.deployments.deploying import open_client

    with failing_server(500) as api:
        monkeypatch.setenv("PREFECT_API_URL", api)
        with (
            pytest.raises(InputError, match=r"answers, but failed at a request \(status 500\)"),
            open_client(imported, retries=0) as client,
        ):
            client.read_deployments()
