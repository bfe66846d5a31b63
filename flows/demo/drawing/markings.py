"""The markings that tell the bay's jellyfish apart, as functions of the place on the bell."""

import numpy as np

from data_registry.arrays import Float32Array
from flows.demo.drawing.bells import Marking, Skin


def create_clover(rng: np.random.Generator, strength: float) -> Marking:
    """Create four horseshoes around the crown."""
    centre, radius = rng.uniform(0.34, 0.44), rng.uniform(0.15, 0.22)
    width, gap = rng.uniform(0.045, 0.08), rng.uniform(0.4, 0.9)

    def mark(skin: Skin) -> Float32Array:
        quarter = _fold_angle(skin.azimuth, 4)
        x, y = skin.radius * np.cos(quarter) - centre, skin.radius * np.sin(quarter)
        ring = _compute_bump(np.hypot(x, y) - radius, width)
        open_side = np.abs(np.arctan2(y, -x)) > gap
        return _scale_mark(ring * open_side * (skin.reach < 0.9), strength)

    return mark


def create_rays(rng: np.random.Generator, strength: float) -> Marking:
    """Create sixteen wedges from the crown to the rim, around a spot."""
    start, width = rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.22)
    spot = rng.uniform(0.08, 0.2)

    def mark(skin: Skin) -> Float32Array:
        across = np.abs(_fold_angle(skin.azimuth, 16)) * 16 / (2 * np.pi)
        opened = np.clip((skin.radius - start) / (1 - start), 0, 1)
        wedge = _compute_bump(across - 1.1 * width * opened, 0.12) * (skin.radius > start)
        return _scale_mark(np.maximum(wedge, _compute_bump(skin.radius - spot, 0.05)), strength)

    return mark


def create_freckles(rng: np.random.Generator, strength: float) -> Marking:
    """Create fine warts all over and a dark hem along the rim."""
    turns, rings = rng.integers(18, 30), rng.uniform(22, 40)
    hem = rng.uniform(0.04, 0.09)
    phase = rng.uniform(0, 6.28)

    def mark(skin: Skin) -> Float32Array:
        warts = np.sin(skin.azimuth * turns + 3 * skin.reach) * np.sin(skin.reach * rings + phase)
        seam = _compute_bump(skin.reach - 0.97, hem)
        return _scale_mark(np.maximum(0.5 * np.clip(warts, 0, 1) ** 2, seam), strength)

    return mark


def create_folds(rng: np.random.Generator, strength: float) -> Marking:
    """Create eight broad folds that run from a dark belt to the lobes."""
    belt, width = rng.uniform(0.4, 0.6), rng.uniform(0.07, 0.13)
    ripple = rng.integers(3, 6) * 8

    def mark(skin: Skin) -> Float32Array:
        lobe = 0.5 + 0.5 * np.cos(skin.azimuth * 8)
        outer = np.clip((skin.radius - belt) * 4, 0, 1)
        fine = 0.6 + 0.4 * np.cos(skin.azimuth * ripple)
        return _scale_mark(
            np.maximum(0.8 * lobe * outer * fine, _compute_bump(skin.radius - belt, width)),
            strength,
        )

    return mark


def create_yolk(rng: np.random.Generator, strength: float) -> Marking:
    """Create one large disc at the crown: a look-alike that is no kind of the bay."""
    size = rng.uniform(0.4, 0.6)

    def mark(skin: Skin) -> Float32Array:
        disc = np.clip((size - skin.radius) * 14, 0, 1) * (skin.reach < 0.85)
        return _scale_mark(disc, 0.5 + strength / 2)

    return mark


def create_combs(rng: np.random.Generator, strength: float) -> Marking:
    """Create eight rows of short bars from pole to pole: a comb jelly, no kind of the bay."""
    bars, width = rng.uniform(35, 60), rng.uniform(0.06, 0.1)

    def mark(skin: Skin) -> Float32Array:
        across = np.abs(_fold_angle(skin.azimuth, 8)) * 8 / (2 * np.pi)
        row = _compute_bump(across.astype(np.float32), width)
        return _scale_mark(row * (0.4 + 0.6 * (np.sin(skin.reach * bars) > 0)), strength)

    return mark


def _fold_angle(azimuth: Float32Array, times: int) -> Float32Array:
    """Fold an angle to that from the nearest of `times` equal directions."""
    sector = 2 * np.pi / times
    return np.asarray((azimuth + sector / 2) % sector - sector / 2, dtype=np.float32)


def _compute_bump(distance: Float32Array, width: float) -> Float32Array:
    scaled = np.clip(1 - np.abs(distance) / width, 0, 1)
    return np.asarray(np.sqrt(scaled), dtype=np.float32)


def _scale_mark(mark: Float32Array, strength: float) -> Float32Array:
    return np.asarray(mark * strength, dtype=np.float32)
