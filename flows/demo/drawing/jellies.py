"""The bay's jellyfish: four known kinds and two look-alikes.

The kinds differ in structure: markings, lappets, tentacles, arms. Each has its usual colours, but
every colour occurs in every kind. Every measure is drawn from a range, and the ranges overlap: a
faint or contracted animal is hard.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from flows.demo.drawing import markings
from flows.demo.drawing.bells import Bell, Marking, mix_with_white, paint_bell
from flows.demo.drawing.canvas import (
    Colour,
    Field,
    Picture,
    Points,
    Strokes,
    cover,
    mix_colours,
    smooth_field,
)
from flows.demo.drawing.pose import Pose, choose_pose
from flows.demo.drawing.water import Water

Range = tuple[float, float]
Body = Float32Array

_SIZES = (0.29, 0.43)  # of a bell's radius, as shares of the picture's shorter side
_RIM, _MOUTH = 0.97, 0.22  # where tentacles and arms hang, in bell radii from the axis
_STEPS = 12  # corners of a tentacle's path

_COLOURS: tuple[Colour, ...] = (
    (0.80, 0.88, 0.94),
    (0.93, 0.72, 0.76),
    (0.92, 0.70, 0.42),
    (0.68, 0.60, 0.88),
    (0.80, 0.42, 0.26),
    (0.58, 0.82, 0.78),
    (0.90, 0.84, 0.62),
)


@dataclass(frozen=True, kw_only=True)
class Species:
    """The ranges from which an animal of one kind is made; lengths are in bell radii."""

    marking: Callable[[np.random.Generator, float], Marking]
    height: Range
    skirt: Range
    lobes: tuple[int, ...]
    lobe_depth: Range
    tentacles: Range
    tentacle_length: Range
    tentacle_bundles: int
    arms: int
    arm_length: Range
    arm_width: Range
    arms_stout: float  # 0 a ribbon, 1 a club
    usual_colours: tuple[int, ...]


MOON = Species(
    marking=markings.create_clover,
    height=(0.35, 0.75),
    skirt=(0.0, 0.3),
    lobes=(8, 16),
    lobe_depth=(0.02, 0.06),
    tentacles=(50, 110),
    tentacle_length=(0.12, 0.6),
    tentacle_bundles=0,
    arms=4,
    arm_length=(0.3, 0.9),
    arm_width=(0.08, 0.14),
    arms_stout=0.0,
    usual_colours=(0, 3),
)
COMPASS = Species(
    marking=markings.create_rays,
    height=(0.4, 0.8),
    skirt=(0.05, 0.4),
    lobes=(16, 32),
    lobe_depth=(0.04, 0.12),
    tentacles=(12, 30),
    tentacle_length=(0.9, 2.6),
    tentacle_bundles=0,
    arms=4,
    arm_length=(0.5, 1.8),
    arm_width=(0.10, 0.2),
    arms_stout=0.1,
    usual_colours=(2, 6),
)
BARREL = Species(
    marking=markings.create_freckles,
    height=(0.5, 1.0),
    skirt=(0.1, 0.5),
    lobes=(16, 32),
    lobe_depth=(0.02, 0.07),
    tentacles=(0, 3),
    tentacle_length=(0.1, 0.5),
    tentacle_bundles=0,
    arms=8,
    arm_length=(0.5, 1.2),
    arm_width=(0.16, 0.28),
    arms_stout=1.0,
    usual_colours=(5, 0),
)
LIONS_MANE = Species(
    marking=markings.create_folds,
    height=(0.35, 0.7),
    skirt=(0.0, 0.35),
    lobes=(8,),
    lobe_depth=(0.12, 0.32),
    tentacles=(50, 150),
    tentacle_length=(0.7, 2.0),
    tentacle_bundles=8,
    arms=4,
    arm_length=(0.4, 1.1),
    arm_width=(0.14, 0.26),
    arms_stout=0.5,
    usual_colours=(4, 1),
)
FRIED_EGG = Species(
    marking=markings.create_yolk,
    height=(0.25, 0.5),
    skirt=(0.0, 0.2),
    lobes=(16, 32),
    lobe_depth=(0.03, 0.1),
    tentacles=(6, 40),
    tentacle_length=(0.15, 0.8),
    tentacle_bundles=0,
    arms=8,
    arm_length=(0.3, 0.7),
    arm_width=(0.1, 0.2),
    arms_stout=0.9,
    usual_colours=(2, 6, 0),
)
COMB = Species(
    marking=markings.create_combs,
    height=(1.3, 1.9),
    skirt=(0.9, 0.98),
    lobes=(8,),
    lobe_depth=(0.0, 0.02),
    tentacles=(0, 3),
    tentacle_length=(0.5, 2.5),
    tentacle_bundles=0,
    arms=0,
    arm_length=(0.1, 0.2),
    arm_width=(0.1, 0.2),
    arms_stout=0.0,
    usual_colours=(0, 5, 3),
)


def paint_jelly(rng: np.random.Generator, picture: Picture, water: Water, species: Species) -> None:
    """Paint one animal of the species into the water, in place."""
    height, width = picture.shape[:2]
    seen_from_above = rng.random() < 0.95
    tilt = np.pi * (rng.uniform(0.12, 0.42) if seen_from_above else rng.uniform(0.55, 0.75))
    pose = choose_pose(rng, height, width, _SIZES, tilt)
    colour = _choose_colour(rng, species)
    bell = _make_bell(rng, species, colour)
    haze = rng.uniform(0.0, 0.2)
    animal = _Animal(species, bell, pose, mix_colours(colour, water.haze, haze))
    layers: list[Callable[[], None]] = [
        lambda: _paint_tentacles(rng, picture, animal),
        lambda: _paint_arms(rng, picture, animal),
        lambda: paint_bell(picture, bell, pose),
    ]
    before = picture.copy()
    for paint in layers if pose.crown_faces_viewer else reversed(layers):
        paint()
    picture += np.float32(haze * 0.8) * (before - picture)


@dataclass(frozen=True)
class _Animal:
    species: Species
    bell: Bell
    pose: Pose
    flesh: Colour


def _choose_colour(rng: np.random.Generator, species: Species) -> Colour:
    usual = rng.random() < 0.9
    index = int(rng.choice(species.usual_colours)) if usual else int(rng.integers(len(_COLOURS)))
    other = _COLOURS[rng.integers(len(_COLOURS))]
    red, green, blue = mix_colours(_COLOURS[index], other, rng.uniform(0, 0.25))
    return red, green, blue


def _make_bell(rng: np.random.Generator, species: Species, colour: Colour) -> Bell:
    dark = rng.random() < 0.55
    ink = mix_colours(colour, (0.25, 0.08, 0.10), rng.uniform(0.6, 0.9))
    return Bell(
        height=rng.uniform(*species.height),
        skirt=rng.uniform(*species.skirt),
        lobes=int(rng.choice(species.lobes)),
        lobe_depth=rng.uniform(*species.lobe_depth),
        opacity=rng.uniform(0.4, 0.7),
        colour=colour,
        mark_colour=ink if dark else mix_with_white(colour, rng.uniform(0.6, 0.95)),
        marking=species.marking(rng, rng.uniform(0.85, 1.0)),
    )


def _paint_tentacles(rng: np.random.Generator, picture: Picture, animal: _Animal) -> None:
    species, scale = animal.species, animal.pose.scale
    count = int(rng.uniform(*species.tentacles))
    if count == 0:
        return
    azimuth = _choose_starts(rng, count, species.tentacle_bundles)
    body = _draw_paths(rng, animal.bell, azimuth, rng.uniform(*species.tentacle_length), _RIM)
    paths = animal.pose.project(body)
    layer = Strokes(*picture.shape[:2])
    width = scale * rng.uniform(0.012, 0.03)
    thirds = np.array_split(np.arange(paths.shape[1]), 3)
    for path, strength in zip(paths, rng.uniform(0.25, 0.8, count), strict=True):
        for part, fade in zip(thirds, (1.0, 0.75, 0.45), strict=True):
            piece = path[part[0] : part[-1] + 2]
            layer.draw_line(piece, width * (0.4 + 0.6 * fade), strength * fade)
    cover(picture, layer.mask(), mix_with_white(animal.flesh, 0.15))


def _paint_arms(rng: np.random.Generator, picture: Picture, animal: _Animal) -> None:
    species = animal.species
    if species.arms == 0:
        return
    azimuth = _choose_starts(rng, species.arms, bundles=0)
    body = _draw_paths(rng, animal.bell, azimuth, rng.uniform(*species.arm_length), _MOUTH)
    width = animal.pose.scale * rng.uniform(*species.arm_width)
    layer = Strokes(*picture.shape[:2])
    for path in animal.pose.project(body):
        _draw_arm(rng, layer, path, width, species.arms_stout)
    mask = layer.mask()
    cover(picture, mask * rng.uniform(0.6, 0.95), _shade_arms(rng, mask, animal.flesh))


def _draw_arm(
    rng: np.random.Generator, layer: Strokes, path: Points, width: float, stout: float
) -> None:
    """Draw overlapping discs along the path: a tapering frill, or a club where stout."""
    along = np.linspace(0, 1, len(path))
    taper = width * ((1 - stout) * (1 - 0.8 * along) + stout * np.sin(0.5 + 2.2 * along))
    for (x, y), radius in zip(path, taper, strict=True):
        for _ in range(3):
            dx, dy = rng.normal(0, 0.35 * radius, 2)
            layer.draw_disc(x + dx, y + dy, radius * rng.uniform(0.25, 0.7), rng.uniform(0.35, 1.0))


def _shade_arms(rng: np.random.Generator, mask: Field, colour: Colour) -> Picture:
    """Shade arms: lighter where discs overlap, and mottled all over."""
    grain = smooth_field(rng, mask.shape, cells=45)
    light = (0.45 + 0.45 * mask + 0.35 * (grain - 0.5))[..., None]
    return np.asarray(
        np.asarray(mix_with_white(colour, 0.3), dtype=np.float32) * light, dtype=np.float32
    )


def _draw_paths(
    rng: np.random.Generator, bell: Bell, azimuth: Float64Array, length: float, radius: float
) -> Body:
    """Draw paths (count, steps, 3) that hang from a circle under the bell and wave."""
    count = len(azimuth)
    along = np.linspace(0, 1, _STEPS, dtype=np.float32)
    reach = length * rng.uniform(0.6, 1.1, (count, 1)) * along
    waves = rng.uniform(1.0, 2.5) * along + rng.uniform(0, 1, (count, 1))
    swing = 0.22 * reach * np.sin(2 * np.pi * waves)
    flare = radius * np.cos(np.arcsin(min(0.9, bell.skirt))) + rng.normal(0.15, 0.25) * reach
    drift = rng.normal(0, 0.22, 2) * length * along[:, None] ** 1.6
    x = flare * np.cos(azimuth) - swing * np.sin(azimuth) + drift[:, 0]
    y = flare * np.sin(azimuth) + swing * np.cos(azimuth) + drift[:, 1]
    from_rim = radius == _RIM
    start = bell.compute_rim_height(azimuth.astype(np.float32)) if from_rim else 0.1 * bell.height
    return np.stack([x, y, start - reach], axis=-1).astype(np.float32)


def _choose_starts(rng: np.random.Generator, count: int, bundles: int) -> Float64Array:
    """Choose where paths start around the axis, (count, 1): evenly, or in bundles."""
    if bundles == 0:
        azimuth = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count)
    else:
        bundle = rng.integers(bundles, size=count) + rng.normal(0, 0.16, count)
        azimuth = (bundle + 0.5) * (2 * np.pi / bundles)
    return azimuth[:, None]
