"""What random changes do to pixels, and that settings reach them."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from train.data.augmentation import GeometricAugmentation, build_augmentation
from train.data.augmentation_settings import AugmentationSettings
from train.data.preprocessing import Preprocessing

OWN = Preprocessing(
    height=32,
    width=32,
    resize_to=32,
    crop_mode="center",
    interpolation="bilinear",
    mean=(0, 0, 0),
    std=(1, 1, 1),
)
STILL = AugmentationSettings(kind="geometric", rotation=0, shift=0, zoom=0, shear=0, flip=False)


def photos(count: int = 64) -> torch.Tensor:
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), dtype=np.uint8)
    one = torch.from_numpy(noise).repeat_interleave(4, 2).repeat_interleave(4, 3)
    return one.expand(count, -1, -1, -1).clone()


def changed(settings: AugmentationSettings, seed: int = 0, count: int = 64) -> torch.Tensor:
    change = build_augmentation(settings, OWN)
    assert change is not None
    return seeded(change, seed, count)


def seeded(change: Callable[[torch.Tensor], torch.Tensor], seed: int, count: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return change(photos(count))


@pytest.mark.parametrize("kind", ["crop", "geometric", "randaugment"])
def test_each_image_is_changed_in_its_own_way_and_a_seed_repeats_it(kind: str) -> None:
    settings = AugmentationSettings(kind=kind)
    images = changed(settings)
    assert images.shape == (64, 3, 32, 32)
    assert images.dtype == torch.uint8
    assert len({image.numpy().tobytes() for image in images}) > 50
    assert torch.equal(images, changed(settings))
    assert not torch.equal(images, changed(settings, seed=1))


def test_none_changes_nothing() -> None:
    assert build_augmentation(AugmentationSettings(kind="none"), OWN) is None
    assert torch.equal(changed(STILL), photos())


def test_flip_mirrors_half_of_them() -> None:
    images = changed(replace(STILL, flip=True), count=200)
    mirrored = (images == photos(200).flip(3)).flatten(1).all(1)
    still = (images == photos(200)).flatten(1).all(1)
    assert bool((mirrored | still).all())
    assert 70 < int(mirrored.sum()) < 130


def centre_of_mass(images: torch.Tensor) -> torch.Tensor:
    """(n, 2): x and y on the scale -1 to 1."""
    mass = images.float().mean(1)
    places = (torch.arange(32) + 0.5) / 16 - 1
    total = mass.sum((1, 2))
    x = (mass.sum(1) * places).sum(1) / total
    y = (mass.sum(2) * places).sum(1) / total
    return torch.stack([x, y], dim=1)


def spot(x: int, y: int, count: int) -> torch.Tensor:
    images = torch.zeros(count, 3, 32, 32, dtype=torch.uint8)
    images[:, :, y - 2 : y + 2, x - 2 : x + 2] = 255
    return images


def moved(settings: AugmentationSettings, x: int, y: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return centre_of_mass(GeometricAugmentation(settings)(spot(x, y, 400)))


def test_a_turn_goes_as_far_as_said_and_keeps_the_distance() -> None:
    places = moved(replace(STILL, rotation=30), 26, 16)
    angles = torch.rad2deg(torch.atan2(places[:, 1], places[:, 0]))
    assert 27 < float(angles.max()) <= 31
    assert -31 <= float(angles.min()) < -27
    assert torch.allclose(places.norm(dim=1), torch.tensor(10 / 16), atol=0.02)


def test_a_shift_goes_as_far_as_said() -> None:
    places = moved(replace(STILL, shift=0.2), 16, 16)
    assert 0.36 < float(places.abs().max()) <= 0.41


def test_a_zoom_shrinks_and_grows_as_far_as_said() -> None:
    x = moved(replace(STILL, zoom=0.2), 24, 16)[:, 0]
    assert 0.5 / 1.2 - 0.02 < float(x.min()) < 0.43
    assert 0.58 < float(x.max()) < 0.5 / 0.8 + 0.02


def test_a_shear_slides_the_top_sideways() -> None:
    places = moved(replace(STILL, shear=0.2), 16, 8)
    assert 0.08 < float(places[:, 0].abs().max()) <= 0.12
    assert torch.allclose(places[:, 1], torch.tensor(-0.5), atol=0.02)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("geometric", "rotation", 5.0),
        ("geometric", "shift", 0.01),
        ("geometric", "zoom", 0.01),
        ("geometric", "shear", 0.01),
        ("geometric", "flip", False),
        ("crop", "flip", False),
        ("randaugment", "operations", 5),
        ("randaugment", "magnitude", 28),
    ],
)
def test_every_setting_changes_what_is_drawn(kind: str, name: str, value: float) -> None:
    usual = AugmentationSettings(kind=kind)
    assert not torch.equal(changed(usual), changed(replace(usual, **{name: value})))


def test_no_setting_was_forgotten() -> None:
    known = {"kind", "rotation", "shift", "zoom", "shear", "flip", "operations", "magnitude"}
    assert {field.name for field in fields(AugmentationSettings)} == known
