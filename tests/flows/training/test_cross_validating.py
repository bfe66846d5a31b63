"""[train] folds: every arm on grouped folds, with teachers that never saw the fold."""

import json
from pathlib import Path

import pytest
from small_project import LABEL, PROJECT, told, write_found, write_labelled_set, write_project

from data_registry.errors import ProjectFileError
from data_registry.progress import SilentProgress
from data_registry.runs.run_records import count_test_readings as readings_of_test
from data_registry.versions.published_versions import find_version, load_version_rows
from flows.config.loader import load_project
from flows.config.workspace import open_workspace
from flows.training.fold_training import FoldTraining
from flows.training.training_data import build_dataset


def test_folds_say_what_validation_is_too_small_for(tmp_path: Path) -> None:
    text = PROJECT.format(label=LABEL + "threshold = 0.6\n").replace(
        "[train]", "[train]\nfolds = 2"
    )
    folder = write_project(tmp_path / "bay", text)
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    for command in ("collect", "label", "merge"):
        told(folder, command)
    trained = told(folder, "train")
    with_collected, without = trained["cross_validated"]
    assert (with_collected["arm"], without["arm"]) == ("with", "without")
    assert with_collected["images"] == without["images"] == 16
    assert without["against_without"] == ""
    assert "held-out training images" in with_collected["against_without"]
    for item in (with_collected, without):
        assert sum(fold["held_out"] for fold in item["folds"]) == item["images"]
        assert item["gap"] == pytest.approx(item["train_accuracy"] - item["accuracy"]["estimate"])
    (kept, _) = sorted((folder / "cross_validation").glob("*-2.json"))
    assert json.loads(kept.read_text()) in trained["cross_validated"]

    with open_workspace(folder) as workspace:
        registry = workspace.registry
        assert readings_of_test(registry) == 6
        version = find_version(registry)
        rows = load_version_rows(registry, version)
        machines = set(rows["sha256"][rows["class_origin"] == "decision"])
        now = build_dataset(registry, version, rows)
        training = FoldTraining(workspace, now, 2, SilentProgress())
        named = {item.sha256 for item in now.train} - machines
        assert {i.sha256 for part in training.folds.held_out for i in part} == named
        for arm in ("with", "without"):
            taught = training.select_training(version.version_hash, arm)(training.folds.held_out[0])
            collected = {item.sha256 for item in taught} - named
            assert collected.isdisjoint(named)
            assert bool(collected) == (arm == "with")


def test_one_fold_is_refused(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[train]\nfolds = 1\n'
    with pytest.raises(ProjectFileError, match="at least 2 folds"):
        load_project(write_project(tmp_path, text))
