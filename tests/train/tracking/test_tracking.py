"""Curves: in TensorBoard always, in MLflow and Weights & Biases if asked."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from small_photos import Photos, drawn_photo
from tensorboard_files import scalars

from data_registry.errors import InputError
from data_registry.storage.files import FileStore
from train.data.dataset import Dataset, Example
from train.experiments.runs import Run
from train.experiments.train_run import train_one
from train.fitting.fit_config import FitConfig
from train.specs import ModelSpec
from train.tracking.context import TrainingContext
from train.tracking.tracking import open_loggers
from train.tracking.tracking_settings import Tracking

CNN = ModelSpec("cnn", model_args={"widths": [4, 8]}, input_size=16)
CONFIG = FitConfig(epochs=2, batch_size=6, patience=None)


def trained(photos: Photos, files: FileStore, tracking: Tracking) -> Run:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(3)
        )

    names = ("circle", "square", "cross")
    train, val, test = (examples(range(start, start + 4)) for start in (0, 10, 20))
    context = TrainingContext(files=files, read=photos.read, tracking=tracking)
    return train_one(
        context,
        Dataset(version="v" * 64, class_names=names, train=train, val=val, test=test),
        CNN,
        CONFIG,
    )


def test_tensorboard_has_every_check_of_a_run(photos: Photos, files: FileStore) -> None:
    run = trained(photos, files, Tracking())
    folder = files.build_local_path(f"curves/{run.card.run_id}")
    assert folder is not None
    history = run.card.fitted.history
    assert len(history) == 2
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        told = [value for _, value in scalars(folder, name)]
        assert told == pytest.approx([getattr(check, name) for check in history])
    assert scalars(folder, "learning_rate")[-1][1] < 1e-3
    assert "fit.optimiser: adamw" in (folder / "hparams.yaml").read_text()
    assert files.list("unfinished") == []


def test_a_remote_workspace_has_tensorboards_files_too() -> None:
    files = FileStore("memory://tracking-test")
    with open_loggers(files, Tracking(), "r1", {"a": 1}) as loggers:
        loggers[0].log_metrics({"loss": 0.5}, step=3)
    stored = files.list("curves/r1")
    assert any("tfevents" in name for name in stored)
    for name in stored:
        files.delete(name)


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow")
def test_mlflow_is_told_every_check(photos: Photos, files: FileStore, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    run = trained(photos, files, Tracking(mlflow=f"sqlite:///{database}", project="bay"))
    with closing(sqlite3.connect(database)) as connection:
        names = connection.execute("SELECT name FROM runs").fetchall()
        told = connection.execute(
            "SELECT value FROM metrics WHERE key = 'val_loss' ORDER BY step"
        ).fetchall()
        settings = dict(connection.execute("SELECT key, value FROM params").fetchall())
    assert names == [(run.card.run_id,)]
    expected = [check.val_loss for check in run.card.fitted.history]
    assert [value for (value,) in told] == pytest.approx(expected)
    assert settings["fit.learning_rate"] == "0.001"


@pytest.mark.slow
@pytest.mark.usefixtures("wandb")
def test_weights_and_biases_keeps_a_run_offline(
    photos: Photos, files: FileStore, tmp_path: Path
) -> None:
    run = trained(photos, files, Tracking(wandb="offline", folder=tmp_path / "told"))
    kept = list((tmp_path / "told" / "wandb").glob(f"offline-run-*/run-{run.card.run_id}.wandb"))
    assert len(kept) == 1
    content = kept[0].read_bytes()
    assert content.count(b"val_loss") >= 2
    assert b"fit.learning_rate" in content


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow")
def test_an_address_that_is_none_is_told(files: FileStore) -> None:
    wrong = replace(Tracking(), mlflow="nonsense://here")
    with (
        pytest.raises(InputError, match="MLflow cannot be used at 'nonsense://here'"),
        open_loggers(files, wrong, "r1", {}),
    ):
        pass
