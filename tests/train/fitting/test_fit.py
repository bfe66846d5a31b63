import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_photos import Photos, drawn_photo
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import SilentProgress
from train.choices import RANDOM
from train.data.augmentation import CropAugmentation
from train.data.dataset import Example, collect_labels
from train.data.pixel_cache import PixelCache, add_crop_margin
from train.fitting.batches import ArrayBatches
from train.fitting.fit import FitConfig, FitResult, compute_class_weights, fit
from train.models.models import build_model
from train.specs import ModelSpec


@pytest.fixture(autouse=True)
def nothing_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Lightning likes to leave folders where it is called, and in the temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []


def blobs(count: int, seed: int = 0, spread: float = 1.0) -> ArrayBatches:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.eye(3, 8) * 4
    points = centres[labels] + random.normal(0, spread, (count, 8))
    return ArrayBatches(points.astype(np.float32), labels.astype(np.int64))


def fit_line(config: FitConfig, spread: float = 1.0) -> tuple[nn.Module, FitResult]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 3))
    train, val = blobs(90, 1, spread), blobs(60, 2, spread)
    return module, fit(
        module, same, train, val, class_count=3, config=config, progress=SilentProgress()
    )


def fresh_line() -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(8, 3)


def same(inputs: torch.Tensor) -> torch.Tensor:
    return inputs


def test_it_learns_and_says_how_it_went() -> None:
    module, fitted = fit_line(FitConfig(epochs=10, learning_rate=0.05, patience=None))
    assert fitted.steps == 20
    assert [check.step for check in fitted.history] == list(range(2, 21, 2))
    assert fitted.history[-1].val_accuracy > 0.95
    assert fitted.history[-1].train_loss < fitted.history[0].train_loss
    assert not module.training


def test_the_best_checkpoint_is_restored_not_the_last() -> None:
    module, fitted = fit_line(
        FitConfig(max_steps=60, batch_size=8, learning_rate=0.5, patience=None), spread=6
    )
    losses = {check.step: check.val_loss for check in fitted.history}
    assert fitted.best_step == min(losses, key=losses.__getitem__)
    assert fitted.best_step < fitted.steps
    inputs, labels = blobs(60, 2, 6).__getitems__(range(60))
    with torch.inference_mode():
        restored = float(nn.functional.cross_entropy(module(inputs), labels))
    assert restored == pytest.approx(losses[fitted.best_step], abs=1e-5)


def test_patience_stops_and_its_absence_does_not() -> None:
    config = FitConfig(epochs=40, learning_rate=0.5, patience=2)
    _, early = fit_line(config, spread=6)
    _, late = fit_line(replace(config, patience=None), spread=6)
    assert early.steps < late.steps == 80


def test_a_seed_gives_the_same_weights_and_another_seed_others() -> None:
    config = FitConfig(epochs=3, learning_rate=0.05)
    first, second, other = (
        fit_line(replace(config, seed=seed))[0].state_dict()["1.weight"] for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_loss_without_end_is_an_error_that_helps() -> None:
    bad = ArrayBatches(np.full((30, 8), np.inf, np.float32), np.arange(30) % 3)
    config = FitConfig(learning_rate=0.1)
    module = fresh_line()
    with pytest.raises(InputError, match=r"learning rate 0.1.*Lower learning_rate"):
        fit(module, same, bad, bad, class_count=3, config=config, progress=SilentProgress())


def test_class_weights_count_images() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [3])
    weights = compute_class_weights(labels, 5)
    assert weights.tolist() == pytest.approx([10 / 18, 10 / 9, 0, 10 / 3, 0])
    assert float(weights[labels].mean()) == pytest.approx(1)


@pytest.mark.parametrize(
    "changed", [{"label_smoothing": 0.2}, {"class_weights": True}, {"weight_decay": 1.0}]
)
def test_every_option_reaches_the_optimiser(changed: dict[str, float]) -> None:
    config = FitConfig(epochs=2, learning_rate=0.05)
    train = ArrayBatches(blobs(40).__getitems__(range(40))[0].numpy(), np.minimum(np.arange(40), 2))
    weights = []
    for variant in (config, replace(config, **changed)):
        module = fresh_line()
        fit(module, same, train, blobs(9), class_count=3, config=variant, progress=SilentProgress())
        weights.append(module.weight.detach().clone())
    assert not torch.equal(*weights)


def examples(photos: Photos, seeds: range) -> list[Example]:
    return [
        Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
        for seed in seeds
        for kind in range(3)
    ]


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("cnn", model_args={"widths": (8, 16, 32)}, input_size=32),
        ModelSpec(
            "tf_efficientnetv2_b0",
            weights=RANDOM,
            model_args={"channel_multiplier": 0.25, "depth_multiplier": 0.25},
            input_size=32,
        ),
    ],
)
def test_drawn_shapes_are_learnt_from_nothing(spec: ModelSpec, photos: Photos) -> None:
    train, val = examples(photos, range(24)), examples(photos, range(100, 108))
    model = build_model(spec, 3)
    own = model.backbone.preprocessing
    with PixelCache(photos.read, SilentProgress()) as cache:
        batches = ArrayBatches(
            cache.load_pixels(train, add_crop_margin(own)),
            collect_labels(train),
            CropAugmentation(own),
        )
        checks = ArrayBatches(cache.load_pixels(val, own), collect_labels(val))
        config = FitConfig(epochs=8, batch_size=16, learning_rate=5e-3, patience=None)
        fitted = fit(
            model.classifier,
            own.normalise,
            batches,
            checks,
            class_count=3,
            config=config,
            progress=SilentProgress(),
        )
    assert max(check.val_accuracy for check in fitted.history) > 0.8


def test_pixels_are_decoded_once_and_shared_by_subsets(photos: Photos) -> None:
    every = examples(photos, range(5))
    own = build_model(ModelSpec("cnn", input_size=16), 3).backbone.preprocessing
    with PixelCache(photos.read, SilentProgress()) as cache:
        whole = cache.load_pixels(every, own)[np.arange(15)]
        assert whole.shape == (15, 3, 16, 16)
        subset = cache.load_pixels(every[::-2], own)[np.arange(8)]
        assert len(photos.reads) == 15
        assert np.array_equal(subset, whole[::-2])


def test_augmentation_changes_each_image_in_its_own_way(photos: Photos) -> None:
    own = build_model(ModelSpec("cnn", input_size=32), 3).backbone.preprocessing
    data = photos.add(drawn_photo(0, 0))
    with PixelCache(photos.read, SilentProgress()) as cache:
        pixels = cache.load_pixels([Example(data, 0, "g")], add_crop_margin(own))[
            np.zeros(6, dtype=np.int64)
        ]
    with torch.random.fork_rng():
        changed = CropAugmentation(own)(torch.from_numpy(pixels))
    assert changed.shape == (6, 3, 32, 32)
    assert changed.dtype == torch.uint8
    assert len({image.numpy().tobytes() for image in changed}) == 6
