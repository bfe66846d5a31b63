"""The teacher's probabilities go from its predictions through a version into a training."""

from pathlib import Path

import pytest
from small_project import LABEL, PROJECT, told, write_found, write_labelled_set, write_project

from data_registry.labels.class_resolution import load_current_decisions
from data_registry.labels.decisions import load_predictions
from data_registry.runs.run_records import load_runs
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import find_version, load_version_rows
from flows.config.workspace import open_workspace
from flows.training.training_data import build_dataset, order_probabilities
from train.data.dataset import collect_soft_labels
from train.experiments.runs import read_run


def test_from_prediction_to_training(tmp_path: Path) -> None:
    label = f"{LABEL}threshold = 0.6\nheed_query = false\nheed_gate = false\n"
    folder = write_project(tmp_path / "bay", PROJECT.format(label=label) + "soft_labels = true\n")
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    told(folder, "collect")
    told(folder, "label")
    told(folder, "merge")
    with open_workspace(folder) as workspace:
        registry = workspace.registry
        version = find_version(registry)
        rows = load_version_rows(registry, version)
        dataset = build_dataset(registry, version, rows)
        decisions = load_current_decisions(registry)
        said = load_predictions(registry, decisions["teacher_id"].iloc[0])
    named = rows[(rows["class_origin"] == "decision") & (rows["split"] != EXCLUDED)]
    assert len(named) >= 2
    for example in (*dataset.train, *dataset.val, *dataset.test):
        if example.sha256 in set(named["sha256"]):
            expected = [said[example.sha256].probabilities[name] for name in dataset.class_names]
            assert example.shares == pytest.approx(expected)
        else:
            assert example.shares == ()
    targets = collect_soft_labels(dataset.train, len(dataset.class_names))
    assert ((targets > 0) & (targets < 1)).any(axis=1).sum() == len(named)
    told(folder, "train")
    with open_workspace(folder) as workspace:
        card = read_run(
            workspace.registry.files, load_runs(workspace.registry)["run_id"].iloc[0]
        ).card
    assert card.config.soft_labels


def test_classes_are_brought_into_order() -> None:
    assert order_probabilities(
        {"b": 0.25, "a": 0.5, "gone": 0.25}, ("a", "b", "c")
    ) == pytest.approx((2 / 3, 1 / 3, 0))
    assert order_probabilities({}, ("a", "b")) == ()
    assert order_probabilities({"gone": 1.0}, ("a", "b")) == ()
