"""A project lives in its folder, whatever the folder is called."""

from pathlib import Path

import pytest
from small_project import ephyra, told, write_labelled_set, write_project

from data_registry.progress import SilentProgress
from data_registry.storage.database_urls import build_sqlite_text_url
from flows.config.model_settings import build_tracking
from flows.config.workspace import open_workspace
from flows.orchestration.artifacts import _build_report_address
from train.experiments.sweep_settings import Range, SweepSettings
from train.experiments.sweeps import run_sweep

ODD = ("coins? old", "shells #2", "100% sure %41", "{braces}", "memory::reef")


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_written_outside_the_project(tmp_path: Path, name: str) -> None:
    project = write_project(tmp_path / "home" / name)
    said = ephyra("import", write_labelled_set(tmp_path / "set"), "--project", project)
    assert said.code == 0, said.err
    assert [path.name for path in (tmp_path / "home").iterdir()] == [name]
    assert (project / "registry.db").is_file()
    other = write_project(tmp_path / "home" / f"{name}, too")
    assert told(other, "status")["images"] == 0
    assert told(project, "verify", "--blobs")["holds"]


@pytest.mark.parametrize("name", ODD)
def test_a_sweep_s_trials_lie_in_the_project(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    settings = SweepSettings(space={"x": Range(0.0, 1.0)}, trials=2)
    storage = build_sqlite_text_url(tmp_path / name / "sweeps.db")
    for _ in range(2):  # the second finds the trials of the first
        found = run_sweep(
            storage, "bay", settings, lambda number, values, watch: 0.5, SilentProgress()
        )
        assert len(found.trials) == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "sweeps.db").is_file()


@pytest.mark.parametrize("name", ODD)
def test_mlflow_writes_into_the_project(
    tmp_path: Path, mlflow: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    text = '[project]\nname = "x"\n[train]\nmlflow = "sqlite:///told.db"\n'
    with open_workspace(write_project(tmp_path / name, text)) as workspace:
        client = MlflowClient(build_tracking(workspace).mlflow)
        client.create_experiment("bay", artifact_location=str(tmp_path / name / "artifacts"))
    assert (tmp_path / name / "told.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_link_to_a_report_is_an_address(tmp_path: Path) -> None:
    page = tmp_path / "coins? #1 %41" / "report.html"
    assert _build_report_address(str(page)) == page.as_uri()
