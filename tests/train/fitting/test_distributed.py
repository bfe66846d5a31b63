"""Several processes learn one model: gloo on a CPU here, NCCL where there are GPUs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_photos import Photos, drawn_photo
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import SilentProgress
from data_registry.storage.files import FileStore
from train.data.augmentation_settings import AugmentationSettings
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.experiments.model_inputs import ModelInputs
from train.fitting.batches import ArrayBatches
from train.fitting.distributed import choose_process_count
from train.fitting.fit import FitResult, fit
from train.fitting.fit_config import FitConfig
from train.fitting.trainer import Records
from train.models.models import build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

CONFIG = FitConfig(max_steps=12, batch_size=10, learning_rate=0.05, patience=None, optimiser="sgd")


def points(count: int, seed: int = 0) -> ArrayBatches:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    places = np.eye(3, 8)[labels] * 4 + random.normal(0, 2.0, (count, 8))
    return ArrayBatches(places.astype(np.float32), labels.astype(np.int64))


def network(*more: nn.Module) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 16), *more, nn.ReLU(), nn.Linear(16, 3))


def as_they_are(inputs: torch.Tensor) -> torch.Tensor:
    return inputs


class Counted(SilentProgress):
    def __init__(self) -> None:
        self.steps = 0

    def advance(self, count: int = 1) -> None:
        self.steps += count


def trained(
    devices: int,
    config: FitConfig = CONFIG,
    *,
    module: nn.Module | None = None,
    progress: SilentProgress | None = None,
    folder: Path | None = None,
) -> tuple[nn.Module, FitResult]:
    module = module or network()
    fitted = fit(
        module,
        as_they_are,
        points(60),
        points(30, 1),
        class_count=3,
        config=config,
        progress=progress or SilentProgress(),
        records=Records(folder),
        devices=devices,
    )
    return module, fitted


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one() -> None:
    progress = Counted()
    alone, one = trained(1)
    together, two = trained(2, progress=progress)
    for weights, others in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(weights, others, rtol=1e-4, atol=1e-5)
    assert two.steps == one.steps == progress.steps == 12
    assert two.best_step == one.best_step
    for check, other in zip(one.history, two.history, strict=True):
        assert check.step == other.step
        assert check.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert check.train_accuracy == other.train_accuracy
        assert check.val_loss == pytest.approx(other.val_loss, rel=1e-3)


@pytest.mark.slow
def test_all_stop_together_and_the_leader_s_batchnorm_is_kept(tmp_path: Path) -> None:
    config = replace(CONFIG, max_steps=None, epochs=30, patience=1, ema=0.9)
    module, fitted = trained(
        2, config, module=network(nn.BatchNorm1d(16), nn.Dropout(0.2)), folder=tmp_path
    )
    assert 0 < fitted.steps < 30 * 6
    norm = module[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_mean.abs().sum() > 0
    again, same = trained(
        2, config, module=network(nn.BatchNorm1d(16), nn.Dropout(0.2)), folder=tmp_path
    )
    assert same.history == fitted.history  # read from what was kept, not trained again
    for name, values in again.state_dict().items():
        assert torch.equal(values, module.state_dict()[name])


class TooLarge(nn.Module):
    """Runs out of memory beyond so many images, in one of the processes alone."""

    def __init__(self, most: int, rank: int) -> None:
        super().__init__()
        self.most, self.rank = most, rank

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        ours = torch.distributed.is_initialized() and torch.distributed.get_rank() == self.rank
        if ours and self.training and len(inputs) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return inputs


@pytest.mark.slow
def test_memory_that_ends_in_one_process_makes_all_begin_the_step_again() -> None:
    alone, _ = trained(1)
    together, fitted = trained(2, module=network(TooLarge(2, rank=1)))
    assert fitted.micro_batch < 10
    for weights, others in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(weights, others, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_a_process_meets_is_told_and_ends_the_others() -> None:
    with pytest.raises(InputError, match="memory does not suffice for a single image"):
        trained(2, module=network(TooLarge(0, rank=1)))


def test_as_many_as_there_are_and_as_a_batch_has_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert [choose_process_count(n, 32) for n in (0, 1, 3)] == [1, 1, 3]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [choose_process_count(n, 32) for n in (0, 1, 3)] == [4, 1, 3]
    assert choose_process_count(0, 2) == 2
    with pytest.raises(InputError, match=r"devices = 5, but this machine has 4"):
        choose_process_count(5, 32)


@pytest.mark.slow
def test_a_network_learns_from_decoded_photographs_in_two_processes(tmp_path: Path) -> None:
    photos = Photos()
    images = [Example(photos.add(drawn_photo(n % 2, n)), n % 2, str(n)) for n in range(24)]
    context = TrainingContext(files=FileStore(tmp_path), read=photos.read, devices=2)
    model = build_model(ModelSpec("cnn", input_size=32), 2)
    config = FitConfig(
        epochs=12,
        batch_size=8,
        augmentation=AugmentationSettings(kind="randaugment"),
        patience=None,
    )
    with PixelCache(photos.read, SilentProgress()) as cache:
        inputs = ModelInputs(context, cache, model, frozen=False)
        fitted = inputs.fit(images[:16], images[16:], config)
        said = inputs.predict(images[16:]).argmax(axis=1)
    assert fitted.steps == 24
    assert (said == [item.class_index for item in images[16:]]).mean() == 1.0
