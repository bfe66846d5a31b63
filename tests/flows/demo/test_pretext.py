"""The backbone that the demo trains on drawn shapes."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file

from data_registry.progress import SilentProgress
from flows.demo.drawing.shapes import KINDS, draw_shapes
from flows.demo.pretext import train_backbone


def test_shapes_are_a_function_of_the_generator() -> None:
    one = draw_shapes(torch.Generator().manual_seed(3), 6, 32)
    same = draw_shapes(torch.Generator().manual_seed(3), 6, 32)
    other = draw_shapes(torch.Generator().manual_seed(4), 6, 32)
    assert one.pictures.shape == (6, 3, 32, 32)
    assert torch.equal(one.pictures, same.pictures)
    assert torch.equal(one.kinds, same.kinds)
    assert not torch.equal(one.pictures, other.pictures)


def test_shapes_are_pictures_of_every_kind() -> None:
    batch = draw_shapes(torch.Generator().manual_seed(0), 400, 16)
    assert set(batch.kinds.tolist()) == set(range(KINDS))
    assert batch.pictures.min() >= 0
    assert batch.pictures.max() <= 1
    assert batch.pictures.flatten(1).std(dim=1).min() > 0.005


def test_training_saves_a_backbone_that_timm_loads(tmp_path: Path) -> None:
    trained = train_backbone(
        tmp_path / "backbone.safetensors", seed=1, steps=2, progress=SilentProgress()
    )
    model = timm.create_model(trained.name, num_classes=0, **trained.model_args)
    model.load_state_dict(load_file(trained.weights), strict=True)
    features = model.eval()(torch.zeros(1, 3, trained.input_size, trained.input_size))
    assert features.isfinite().all()


def test_the_same_seed_trains_the_same_backbone(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "same", "other")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        torch.rand(5)  # the caller's own chance must not matter
        train_backbone(file, seed=seed, steps=2, progress=SilentProgress())
    first, same, other = (file.read_bytes() for file in files)
    assert first == same
    assert first != other


def test_training_reports_every_step(tmp_path: Path) -> None:
    told: list[str] = []

    class Listening(SilentProgress):
        def start(self, what: str, total: int | None) -> None:
            told.append(f"start {total}")

        def advance(self, count: int = 1) -> None:
            told.append(f"advance {count}")

        def finish(self) -> None:
            told.append("finish")

    train_backbone(tmp_path / "backbone", seed=1, steps=2, progress=Listening())
    assert told == ["start 2", "advance 1", "advance 1", "finish"]


@pytest.mark.slow
def test_the_kinds_of_shapes_can_be_learned(tmp_path: Path) -> None:
    trained = train_backbone(tmp_path / "backbone", seed=0, steps=300, progress=SilentProgress())
    assert trained.accuracy > 5 / KINDS
