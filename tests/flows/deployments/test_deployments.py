"""Deployments on a real Prefect server, work pool and worker."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from small_project import told, write_found, write_labelled_set, write_project

from benchmarks._prefect import Site, find_free_port, wait_until
from data_registry.storage import schema
from data_registry.storage.database import now
from flows.collect_and_label import collect_and_label
from flows.config.scaffold import PREFECT_SETTINGS
from flows.config.sections.schedule_section import ScheduleSection
from flows.config.workspace import open_workspace
from flows.retrain import NOTHING_NEW, retrain

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a server and a worker."""
    with Site(tmp_path_factory.mktemp("prefect")) as running:
        made = running.run_command(
            "prefect", "work-pool", "create", "ephyra", "--type", "process", folder=running.home
        )
        assert made.returncode == 0, made.stderr
        running.start_worker()
        yield running


@pytest.fixture(scope="module")
def workspace(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a user's workspace, imported and deployed."""
    folder = write_project(tmp_path_factory.mktemp("workspace") / "bay")
    (folder / "prefect.toml").write_text(PREFECT_SETTINGS)
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    deployed = site.run_command("ephyra", "deploy", "--json", folder=folder)
    assert deployed.returncode == 0, deployed.stderr
    assert json.loads(deployed.stdout)["schedules"] == {
        "collect-and-label/collect-and-label": "0 3 * * 1",
        "retrain/retrain": "0 5 * * *",
    }
    return folder


def asked(site: Site, *arguments: str, folder: Path) -> str:
    """Give `prefect deployment run` and return the flow run's id."""
    said = site.run_command("prefect", "deployment", "run", *arguments, folder=folder)
    assert said.returncode == 0, said.stdout + said.stderr
    found = re.search(r"UUID: ([0-9a-f-]{36})", said.stdout)
    assert found, said.stdout
    return found[1]


@pytest.fixture(scope="module")
def first_run(site: Site, workspace: Path) -> dict[str, Any]:
    """Run the bare name in the workspace."""
    return site.wait_for_end(asked(site, "collect-and-label", folder=workspace))


def test_the_bare_name_in_a_workspace(first_run: dict[str, Any], workspace: Path) -> None:
    assert (first_run["state_type"], first_run["state"]["message"]) == ("COMPLETED", None)
    state = told(workspace, "status")
    assert state["versions"] == ["v1", "v2"]
    assert state["champion"]


def test_the_bare_name_in_the_projects_own_folder(
    site: Site, first_run: dict[str, Any], workspace: Path
) -> None:
    before = told(workspace, "status")["digest"]
    run = site.wait_for_end(asked(site, "collect-and-label", folder=ROOT))
    assert run["state_type"] == "COMPLETED"
    assert told(workspace, "status")["digest"] == before


def test_the_whole_name_and_an_unknown_one(site: Site, workspace: Path) -> None:
    run = site.wait_for_end(asked(site, "retrain/retrain", folder=workspace))
    assert run["state_type"] == "COMPLETED"
    said = site.run_command("prefect", "deployment", "run", "collect-and-labels", folder=workspace)
    assert said.returncode != 0
    assert "not found" in (said.stdout + said.stderr).lower()


def test_the_story_in_prefects_pages(site: Site, first_run: dict[str, Any]) -> None:
    wanted = {"artifacts": {"flow_run_id": {"any_": [first_run["id"]]}}, "limit": 100}
    found = {item["key"]: item for item in site.post("/artifacts/filter", wanted)}
    (whole_key,) = [key for key in found if key.endswith("contact-sheet")]
    project = whole_key.removesuffix("contact-sheet")
    assert re.fullmatch(r"a-small-bay-[0-9a-f]{6}-", project)
    tables = {f"{stage}-table" for stage in STAGES}
    more = {"contact-sheet", "labelling", "report-1"}
    assert found.keys() == {f"{project}{key}" for key in tables | more}  # no bar is left over
    sheet = found[f"{project}contact-sheet"]["data"]
    assert sheet.startswith("![contact sheet](data:image/jpeg;base64,")
    (decided,) = json.loads(found[f"{project}decide-table"]["data"])
    assert decided["verdict"] == "promoted"
    assert "unaudited" in found[f"{project}merge-table"]["description"]
    tasks = site.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [first_run["id"]]}}})
    assert {task["name"].rsplit("-", 1)[0] for task in tasks} == {*STAGES, "embed"}
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}


def test_the_logs_name_images_and_urls(site: Site, first_run: dict[str, Any]) -> None:
    wanted = {"logs": {"flow_run_id": {"any_": [first_run["id"]]}}, "limit": 200}
    lines = [line["message"] for line in site.post("/logs/filter", wanted)]
    assert any(re.match(r"not_an_image: folder:page.jpg .+", line) for line in lines), lines
    assert any(re.match(r"stored as [0-9a-f]{12}: folder:moon jelly/", line) for line in lines)
    assert any(re.match(r"[0-9a-f]{12}: accepted as (moon|rose), ", line) for line in lines)


STAGES = ("collect", "group", "label", "merge", "verify", "train", "decide")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ('{"project": ".", "threshold": 2}', "less than 1"),
        ('{"project": ".", "treshold": 0.9}', "treshold"),
    ],
)
def test_a_bad_parameter_is_refused(site: Site, workspace: Path, given: str, named: str) -> None:
    said = site.run_command(
        "prefect", "deployment", "run", "collect-and-label", "--param", f"parameters={given}",
        folder=workspace,
    )  # fmt: skip
    assert said.returncode != 0
    assert "Validation failed" in said.stdout + said.stderr
    assert "parameters" in said.stdout + said.stderr
    assert named


def test_of_two_runs_at_once_the_second_is_cancelled(
    site: Site, first_run: dict[str, Any], workspace: Path
) -> None:
    slow = asked(site, "collect-and-label", folder=workspace)
    wait_until(
        lambda: site.read_flow_run(slow)["state_type"] in {"PENDING", "RUNNING"}, "the first begins"
    )
    second = site.wait_for_end(asked(site, "collect-and-label", folder=workspace))
    assert second["state_type"] == "CANCELLED"
    assert site.wait_for_end(slow)["state_type"] == "COMPLETED"


def test_a_flow_cancels_itself_where_another_holds_the_workspace(
    site: Site, first_run: dict[str, Any], workspace: Path
) -> None:
    holder = "import sys; from pathlib import Path\n"
    holder += "from flows.config.workspace import open_workspace as o\n"
    holder += "from data_registry.lock import hold_workspace\n"
    holder += (
        "with o(Path(sys.argv[1])) as w, hold_workspace(w.registry): print('held', flush=True); "
    )
    holder += "sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(workspace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        run = site.wait_for_end(asked(site, "retrain", folder=workspace))
        process.kill()
    assert run["state_type"] == "CANCELLED"
    assert "another flow is at work" in run["state"]["message"]


def test_answers_start_retrain(
    site: Site, first_run: dict[str, Any], workspace: Path, tmp_path: Path
) -> None:
    drawn = told(workspace, "review", "--audit", "3")["queue"]
    sheet = tmp_path / "answers.csv"
    rows = [f"{row['sha256']},moon" for row in drawn if row["queue"] == "audit"]
    assert rows
    sheet.write_text("\n".join(["sha256,answer", *rows]))
    said = site.run_command("ephyra", "review", "--answer", sheet, "--json", folder=workspace)
    asked_for = json.loads(said.stdout)["retrain"]
    assert asked_for.startswith("asked for retrain: flow run ")
    (run,) = site.post("/flow_runs/filter", {"flow_runs": {"tags": {"all_": ["answers"]}}})
    ended = site.wait_for_end(run["id"])
    assert ended["state_type"] == "COMPLETED"
    assert ended["state"]["message"] is None
    assert told(workspace, "status")["versions"] == ["v1", "v2", "v3"]

    again = site.wait_for_end(asked(site, "retrain", folder=workspace))
    assert again["state"]["message"] == NOTHING_NEW


def test_a_broken_rule_fails_the_run_with_its_reason(
    site: Site, tmp_path: Path, first_run: dict[str, Any]
) -> None:
    folder = write_project(tmp_path / "broken")
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    told(folder, "collect")
    with open_workspace(folder) as opened, opened.registry.database.transaction() as connection:
        registry = opened.registry
        pool = sorted(registry.find_known_images() - registry.find_labelled_images())
        connection.exec_driver_sql("DROP TRIGGER held_out_needs_label")
        row = {"sha256": pool[0], "split": "test", "at": now()}
        connection.execute(sa.insert(schema.split_assignment), [row])
    parameters = json.dumps({"project": str(folder)})
    run = site.wait_for_end(
        asked(site, "collect-and-label", "--param", f"parameters={parameters}", folder=ROOT)
    )
    assert run["state_type"] == "FAILED"
    assert "it breaks these rules" in run["state"]["message"]
    assert "split-moved" in run["state"]["message"]


def test_another_project_does_not_take_the_names(site: Site, tmp_path: Path) -> None:
    other = write_project(tmp_path / "other")
    refused = site.run_command("ephyra", "deploy", "--json", folder=other)
    assert refused.returncode == 2
    assert "`ephyra up --suffix NAME --site-port N`" in json.loads(refused.stdout)["message"]
    deployed = site.run_command("ephyra", "deploy", "--suffix", "two", "--json", folder=other)
    assert set(json.loads(deployed.stdout)["schedules"]) == {
        "collect-and-label/collect-and-label-two",
        "retrain/retrain-two",
    }
    assert json.loads(deployed.stdout)["pool"] == "ephyra-two"
    deployments = site.post("/deployments/filter", {})
    assert {item["name"]: item["work_pool_name"] for item in deployments} == {
        "collect-and-label": "ephyra",
        "retrain": "ephyra",
        "collect-and-label-two": "ephyra-two",
        "retrain-two": "ephyra-two",
    }


def test_no_pool_obeys_a_command(site: Site, workspace: Path) -> None:
    """That of the fixture was made by Prefect's own command, with `command` in it."""
    address = "/".join((site.api, "work_pools", "ephyra"))
    pool = site.build_client().get(address, timeout=30).json()
    assert "working_dir" in pool["base_job_template"]["variables"]["properties"]
    assert "command" not in json.dumps(pool["base_job_template"])


def test_up_starts_no_worker_for_a_server_without_a_secret(site: Site, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "open")
    port = str(find_free_port())
    refused = site.run_command("ephyra", "up", "--site-port", port, "--json", folder=folder)
    assert refused.returncode == 2
    assert "requires no secret" in json.loads(refused.stdout)["message"]
    deployed = site.run_command("ephyra", "deploy", "--suffix", "open", folder=folder)
    assert "can run commands" in " ".join(deployed.stdout.split())


def test_a_schedule_fires(site: Site, first_run: dict[str, Any], workspace: Path) -> None:
    text = (workspace / "ephyra.toml").read_text()
    often = '\n[schedule]\nretrain = "* * * * *"\ncollect_and_label = ""\n'
    (workspace / "ephyra.toml").write_text(text + often)
    assert site.run_command("ephyra", "deploy", folder=workspace).returncode == 0

    def fired() -> list[dict[str, Any]]:
        runs = site.post(
            "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        )
        return [run for run in runs if run["auto_scheduled"]]

    wait_until(lambda: bool(fired()), "a scheduled run has completed", 180)
    assert fired()[0]["state"]["message"] == NOTHING_NEW


def test_prefect_yaml_says_the_same(site: Site, workspace: Path) -> None:
    """Those who deploy by Prefect's own command get what `ephyra deploy` gives."""
    declared = {
        item["name"]: item
        for item in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }
    schedule = ScheduleSection()
    for flow, cron in (
        (collect_and_label, schedule.collect_and_label),
        (retrain, schedule.retrain),
    ):
        ours = site.post("/deployments/filter", {"deployments": {"name": {"any_": [flow.name]}}})[0]
        theirs = declared[flow.name]
        assert theirs["entrypoint"] == ours["entrypoint"]
        assert theirs["schedules"][0]["cron"] == cron
        assert theirs["concurrency_limit"]["limit"] == ours["global_concurrency_limit"]["limit"]
        strategy = ours["concurrency_options"]["collision_strategy"]
        assert theirs["concurrency_limit"]["collision_strategy"] == strategy
        assert theirs["work_pool"]["name"] == ours["work_pool_name"]


def test_prefects_own_command_deploys_prefect_yaml(site: Site, workspace: Path) -> None:
    deployed = subprocess.run(
        [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"],
        cwd=ROOT,
        env={**site.environment, "EPHYRA_PROJECT": str(workspace)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    run = site.wait_for_end(asked(site, "retrain", folder=ROOT))
    assert run["state_type"] == "COMPLETED"
