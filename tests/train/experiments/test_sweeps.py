"""Sweeps: what is sampled, ended and gone on with, and that it reaches the optimiser."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from small_photos import Photos, drawn_photo
from tensorboard_files import scalars

from data_registry.errors import InputError
from data_registry.progress import SilentProgress
from data_registry.storage.files import FileStore
from train.data.dataset import Dataset, Example
from train.data.pixel_cache import PixelCache
from train.experiments.sweep_settings import Choices, Range, SweepSettings
from train.experiments.sweeps import Sweep, Watch, run_sweep
from train.experiments.trials import measure_validation_loss
from train.fitting.fit_config import FitConfig
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

SPACE: dict[str, Range | Choices] = {
    "learning_rate": Range(1e-5, 1.0, log=True),
    "batch_size": Range(8, 64, step=8),
    "optimiser": Choices(("adamw", "sgd")),
}


def valley(_: int, values: Mapping[str, Any], watch: Watch) -> float:
    """Lowest at a learning rate of 0.01 with sgd."""
    loss = abs(math.log10(values["learning_rate"]) + 2) + (values["optimiser"] == "adamw")
    watch(1, loss)
    return loss


def swept(folder: Path, settings: SweepSettings, objective: Any = valley) -> Sweep:
    return run_sweep(f"sqlite:///{folder}/sweeps.db", "bay", settings, objective, SilentProgress())


def values_of(sweep: Sweep) -> list[tuple[Any, float | None]]:
    return [(dict(trial.values), trial.loss) for trial in sweep.trials]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_what_is_sampled_lies_in_the_space(tmp_path: Path, sampler: Any) -> None:
    found = swept(tmp_path, SweepSettings(space=SPACE, trials=14, sampler=sampler, pruning=False))
    assert [trial.number for trial in found.trials] == list(range(14))
    for trial in found.trials:
        assert 1e-5 <= trial.values["learning_rate"] <= 1
        assert trial.values["batch_size"] in range(8, 65, 8)
        assert isinstance(trial.values["batch_size"], int)
        assert trial.values["optimiser"] in {"adamw", "sgd"}
    assert len({trial.values["learning_rate"] for trial in found.trials}) == 14
    assert found.best.loss == min(trial.loss for trial in found.trials if trial.loss is not None)


def test_a_killed_sweep_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    settings = SweepSettings(space=SPACE, trials=12)
    (tmp_path / "whole").mkdir()
    whole = swept(tmp_path / "whole", settings)
    calls = []

    def killed(number: int, values: Mapping[str, Any], watch: Watch) -> float:
        calls.append(number)
        if len(calls) in {4, 10}:
            raise KeyboardInterrupt
        return valley(number, values, watch)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            swept(tmp_path, settings, killed)
    assert values_of(swept(tmp_path, settings, killed)) == values_of(whole)
    assert calls == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11]
    more = swept(tmp_path, SweepSettings(space=SPACE, trials=13), killed)
    assert values_of(more)[:12] == values_of(whole)
    assert len(more.trials) == 13


def test_what_falls_behind_is_ended(tmp_path: Path) -> None:
    def worse_and_worse(number: int, _: Mapping[str, Any], watch: Watch) -> float:
        for place in range(1, 5):
            watch(place, number + 1 / place)
        return float(number)

    found = swept(tmp_path, SweepSettings(space=SPACE, trials=8, patient_until=2), worse_and_worse)
    assert [trial.loss for trial in found.trials] == [0, 1, 2, 3, 4, None, None, None]
    assert "above the median of the others at 3" in found.trials[-1].ended


def test_what_cannot_be_trained_is_a_finding(tmp_path: Path) -> None:
    def diverges(_: int, values: Mapping[str, Any], __: Watch) -> float:
        raise InputError("training did not converge")

    with pytest.raises(InputError, match=r"none of the 3 trials.*did not converge"):
        assert swept(tmp_path, SweepSettings(space=SPACE, trials=3), diverges).best


def test_a_sampled_rate_reaches_the_optimiser(photos: Photos, files: FileStore) -> None:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(3)
        )

    train, val, test = map(examples, (range(5), range(5, 7), range(9, 10)))
    dataset = Dataset(
        version="v" * 64, class_names=("a", "b", "c"), train=train, val=val, test=test
    )
    spec = ModelSpec("cnn", model_args={"widths": [4]}, input_size=32)
    read_before = dict.fromkeys(item.sha256 for item in dataset.test)
    losses: list[float] = []
    with PixelCache(photos.read, SilentProgress()) as cache:
        for rate in (0.0123, 0.0456):
            config = FitConfig(
                max_steps=4, batch_size=8, learning_rate=rate, schedule="constant", warmup_share=0
            )
            loss = measure_validation_loss(
                cache,
                TrainingContext(files=files, read=photos.read),
                dataset,
                spec,
                config,
                name=f"trial-{rate}",
                watch=lambda _, value: losses.append(value),
            )
            curve = scalars(Path(files.root) / "curves" / f"trial-{rate}", "learning_rate")
            assert [value for _, value in curve] == pytest.approx([rate] * 4)
            assert loss == pytest.approx(min(losses[-4:]))
    assert len(losses) == 8
    assert read_before.keys().isdisjoint(photos.reads)
    assert files.list("runs") == []


def test_whoever_watches_may_end_a_training(photos: Photos, files: FileStore) -> None:
    """Optuna's way of ending a trial passes through Lightning unharmed."""
    one = [Example(photos.add(drawn_photo(kind, 1)), kind, f"{kind}") for kind in range(2)]
    two = [Example(photos.add(drawn_photo(kind, 2)), kind, f"{kind} too") for kind in range(2)]
    three = [Example(photos.add(drawn_photo(kind, 3)), kind, f"{kind} three") for kind in range(2)]
    dataset = Dataset(
        version="v" * 64,
        class_names=("a", "b"),
        train=tuple(one),
        val=tuple(two),
        test=tuple(three),
    )

    def enough(place: int, _: float) -> None:
        if place == 2:
            raise optuna.TrialPruned("enough")

    spec = ModelSpec("cnn", model_args={"widths": [4]}, input_size=32)
    config = FitConfig(max_steps=20, batch_size=2)
    with PixelCache(photos.read, SilentProgress()) as cache, pytest.raises(optuna.TrialPruned):
        place = TrainingContext(files=files, read=photos.read)
        measure_validation_loss(cache, place, dataset, spec, config, name="trial", watch=enough)
    curve = scalars(Path(files.root) / "curves" / "trial", "val_loss")
    assert len(curve) == 2
