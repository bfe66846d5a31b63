"""`ephyra up`: what it starts, whom its server obeys, and what it leaves behind."""

import json
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import sync_playwright
from small_project import told, write_found, write_labelled_set, write_project
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks._prefect import Site, find_free_port, list_processes, wait_until
from flows.config.scaffold import PREFECT_SETTINGS

pytestmark = pytest.mark.slow

LONG = 300.0  # seconds: three processes import torch on what may be a busy machine


@contextmanager
def started(site: Site, folder: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """`ephyra up` in a folder, until the block ends; what it told."""
    command = [str(Path(sys.executable).with_name("ephyra")), "up", "--json", *arguments]
    out = folder / "up.out"
    with (
        out.open("wb") as written,
        subprocess.Popen(
            command, cwd=folder, env=site.environment, stdout=written, stderr=written
        ) as process,
    ):
        try:
            wait_until(lambda: out.read_text().endswith("}\n"), "everything is up", LONG)
            yield json.loads(out.read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0


def project_in(folder: Path) -> Path:
    write_project(folder)
    (folder / "prefect.toml").write_text(PREFECT_SETTINGS)
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    return folder


@pytest.fixture(scope="module")
def bay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project_in(tmp_path_factory.mktemp("up") / "bay")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Home and port of a server that `ephyra up` starts."""
    return Site(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def up(site: Site, bay: Path) -> Iterator[dict[str, Any]]:
    with started(site, bay, "--site-port", str(find_free_port())) as state:
        yield state
    assert not site.is_healthy()
    assert not site.secret
    with pytest.raises(requests.ConnectionError):
        requests.get(state["site"], timeout=2)


def asked(site: Site, name: str, folder: Path) -> str:
    said = site.run_command("prefect", "deployment", "run", name, folder=folder)
    assert said.returncode == 0, said.stdout + said.stderr
    found = re.search(r"UUID: ([0-9a-f-]{36})", said.stdout)
    assert found, said.stdout
    return found[1]


def known_runs(site: Site) -> set[str]:
    return {run["id"] for run in site.post("/flow_runs/filter", {})}


def _opens(address: str) -> bool:
    try:
        return requests.get(address, timeout=2).ok
    except requests.RequestException:
        return False


def test_everything_is_up(site: Site, bay: Path, up: dict[str, Any]) -> None:
    assert up["own_server"]
    wait_until(lambda: _opens(up["site"]), "the review app answers")
    assert "Nothing waits for an answer" in requests.get(up["site"], timeout=30).text
    address, _, _token = up["site"].partition("?")
    assert requests.get(address, timeout=30).status_code == 403
    run = site.wait_for_end(asked(site, "retrain", bay), LONG)
    assert run["state_type"] == "COMPLETED"


def test_a_client_without_the_secret_gets_nothing(site: Site, up: dict[str, Any]) -> None:
    before = known_runs(site)
    deployment = site.post("/deployments/filter", {})[0]["id"]
    run = f"/deployments/{deployment}/create_flow_run"
    right = site.build_client().headers
    for headers in (
        {},
        {"Authorization": "Basic ZXBoeXJhOmd1ZXNz"},
        {"Authorization": "Bearer x", "Origin": site.api.removesuffix("/api")},
        {"Prefect-Csrf-Token": right["Prefect-Csrf-Token"]},
        {name: right[name] for name in ("Prefect-Csrf-Token", "Prefect-Csrf-Client")},
        {"Authorization": right["Authorization"]},  # the secret, from a form of another page
    ):
        answer = requests.post(f"{site.api}{run}", json={}, headers=headers, timeout=30)
        assert answer.status_code in {401, 403}
    for path in ("/version", "/flow_runs/count", "/work_pools/ephyra", "/csrf-token?client=x"):
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            answer = requests.request(method, f"{site.api}{path}", timeout=30)
            assert answer.status_code in {401, 403, 405}, (method, path)
    assert known_runs(site) == before


def test_a_socket_without_the_secret_gets_nothing(site: Site, up: dict[str, Any]) -> None:
    address = site.api.replace("http", "ws", 1)
    for path in ("/events/in", "/events/out", "/logs/out", "/work_pools/ephyra/workers/connect"):
        for token in (None, "ephyra:guess"):
            with (
                pytest.raises((WebSocketException, KeyError)),
                connect(f"{address}{path}", subprotocols=["prefect"]) as socket,
            ):
                socket.send(json.dumps({"type": "auth", "token": token}))
                while json.loads(socket.recv(timeout=30))["type"] != "auth_success":
                    pass


FOREIGN_PAGE = """\
<script>
async function attempt(address, how) {
  try {
    const answer = await fetch(address, how);
    const text = await answer.text();
    return answer.type === "opaque" ? "" : text;
  } catch (error) { return ""; }
}
async function attack(api, deployment) {
  const run = `${api}/deployments/${deployment}/create_flow_run`;
  const body = JSON.stringify({job_variables: {command: "touch taken"}});
  const read = [];
  for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"])
    for (const mode of ["cors", "no-cors"])
      for (const credentials of ["include", "omit"])
        read.push(await attempt(run, {
          method: "POST", body, mode, credentials, headers: {"Content-Type": type}}));
  for (const path of ["/version", "/csrf-token?client=x", "/deployments/" + deployment])
    read.push(await attempt(api + path, {credentials: "include"}));
  return read.join("");
}
</script>
"""


class _Foreign(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the base class wants this name
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(FOREIGN_PAGE.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def foreign_page() -> Iterator[str]:
    """Serve a page of another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Foreign) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_a_page_of_another_origin_gets_nothing(
    site: Site, up: dict[str, Any], foreign_page: str, chromium: str
) -> None:
    before = known_runs(site)
    deployment = site.post("/deployments/filter", {})[0]["id"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.goto(foreign_page)
        read = page.evaluate("([api, id]) => attack(api, id)", [site.api, deployment])
        browser.close()
    assert not read
    assert known_runs(site) == before


@pytest.mark.browser
def test_prefects_pages_open_with_the_secret(site: Site, up: dict[str, Any], chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.goto(f"{up['ui']}/deployments")
        page.locator("input[type=password]").fill(Path(up["secret_file"]).read_text())
        page.keyboard.press("Enter")
        page.goto(f"{up['ui']}/deployments")
        page.get_by_text("collect-and-label").first.wait_for()
        browser.close()


def test_a_command_in_a_flow_run_is_not_obeyed(
    site: Site, bay: Path, up: dict[str, Any], tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    (deployment,) = [
        item for item in site.post("/deployments/filter", {}) if item["name"] == "retrain"
    ]
    run = site.post(
        f"/deployments/{deployment['id']}/create_flow_run",
        {
            "job_variables": {"command": f"touch {taken}"},
            "state": {"type": "SCHEDULED"},
        },
    )
    assert (
        site.wait_for_end(run["id"], LONG)["state_type"] == "COMPLETED"
    )  # as our flow, not as the command
    assert not taken.exists()


def test_the_secret_is_told_to_nobody(site: Site, bay: Path, up: dict[str, Any]) -> None:
    file = Path(up["secret_file"])
    secret = file.read_text().removeprefix("ephyra:")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.is_relative_to(bay)
    lists = ("flow_runs", "logs", "artifacts", "deployments", "work_pools", "task_runs")
    places = [json.dumps(site.post(f"/{name}/filter", {})) for name in lists]
    places += [path.read_text(errors="replace") for path in bay.rglob("*") if path.is_file()]
    places += [json.dumps(up), requests.get(f"{up['ui']}/ui-settings", timeout=30).text]
    for command in (["ephyra", "status", "--json"], ["prefect", "plugins", "diagnose"]):
        said = site.run_command(*command, folder=bay)
        places += [said.stdout, said.stderr]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                places.append((process / "cmdline").read_text(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue
    assert not [place for place in places if secret in place]


def test_a_second_project_hurts_nobody(
    site: Site, bay: Path, up: dict[str, Any], tmp_path: Path
) -> None:
    """Its worker is its own, and what that was at when it was stopped is marked at once."""
    two = project_in(tmp_path / "two")
    port = str(urlsplit(up["site"]).port)
    taken = site.run_command("ephyra", "up", "--site-port", port, "--json", folder=two)
    advice = r"`ephyra up --suffix NAME --site-port \d+`"
    assert re.search(advice, json.loads(taken.stdout)["message"])
    with started(site, two, "--suffix", "two", "--site-port", str(find_free_port())) as second:
        assert not second["own_server"]
        assert second["deployed"]["pool"] == "ephyra-two"
        run = asked(site, "collect-and-label-two", two)
        wait_until(
            lambda: site.read_flow_run(run)["state_type"] == "RUNNING", "the run begins", LONG
        )
        assert site.read_flow_run(run)["work_pool_name"] == "ephyra-two"
    assert site.read_flow_run(run)["state_type"] == "CRASHED"
    assert not list_processes(run)
    first = site.wait_for_end(asked(site, "retrain", bay), LONG)
    assert first["state_type"] == "COMPLETED"
    keys = {item["key"] for item in site.post("/artifacts/filter", {})}
    digits = {re.fullmatch(r"a-small-bay-([0-9a-f]{6})-.*", key) for key in keys}
    assert None not in digits
    ours = {item["work_pool_name"] for item in site.post("/flow_runs/filter", {})}
    assert ours == {"ephyra", "ephyra-two"}


def test_the_log_has_the_lines_and_the_terminal_the_stages(
    site: Site, bay: Path, up: dict[str, Any], tmp_path: Path
) -> None:
    from flows.deployments.stage_watch import StageWatch

    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        watch = StageWatch(bay, lines.append)
        run = site.wait_for_end(asked(site, "collect-and-label", bay), LONG)
        watch.look()
        watch.look()
    stages = ["collect", "embed", "group", "label", "merge", "verify", "train", "decide"]
    told_of = [line.removeprefix(f"{run['name']}: ") for line in lines]
    assert told_of == ["begins", *stages, "completed"]
    worker = (Path(up["logs"]) / "worker.log").read_text()
    assert "stored as" in worker


def test_an_unknown_project_of_the_secret(site: Site, up: dict[str, Any]) -> None:
    """A user without the file is told why, without a traceback."""
    stranger = {**site.environment, "PREFECT_HOME": str(site.home / uuid.uuid4().hex)}
    said = subprocess.run(
        [str(Path(sys.executable).with_name("ephyra")), "deploy", "--json", "--project", "."],
        cwd=Path(up["logs"]).parents[1],
        env=stranger,
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 2
    assert "requires a secret that is not known here" in json.loads(said.stdout)["message"]
