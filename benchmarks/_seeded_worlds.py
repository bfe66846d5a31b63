"""Simulated answers of two models whose true difference is known, on images and seeds that vary."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Answers = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class World:
    """How two models answer: a probit of the image, the model, the run and chance.

    Attributes:
        images: of the test set.
        seeds: runs of each model.
        seed_points: standard deviation of the first and second model's accuracy over seeds, 0-1.
        accuracy: of the first model, over all images and seeds.
        gain: accuracy of the second less that.
        opinion: how much the models differ on an image whatever the seed; 1 as much as images do.
        chance: how much a run differs on an image from other runs of its model.
    """

    images: int
    seeds: int
    seed_points: tuple[float, float] = (0.0, 0.0)
    accuracy: float = 0.8
    gain: float = 0.0
    opinion: float = 0.5
    chance: float = 0.5


def draw_answers(world: World, trials: int, random: np.random.Generator) -> tuple[Answers, Answers]:
    """Draw which image each run gets right: (trials, seeds, images) of the first and the second."""
    spread = np.sqrt(1 + world.opinion**2 + world.chance**2)
    slope = stats.norm.pdf(stats.norm.ppf(world.accuracy)) / spread
    image = random.standard_normal((trials, 1, world.images), dtype=np.float32)
    answers = []
    for points, gain in zip(world.seed_points, (0.0, world.gain), strict=True):
        of_seed = points / slope
        level = stats.norm.ppf(world.accuracy + gain) * np.hypot(spread, of_seed)
        opinion = random.standard_normal(image.shape, dtype=np.float32)
        seed = random.standard_normal((trials, world.seeds, 1), dtype=np.float32)
        chance = random.standard_normal((trials, world.seeds, world.images), dtype=np.float32)
        chance *= np.float32(world.chance)
        chance += image + np.float32(world.opinion) * opinion + np.float32(of_seed) * seed
        answers.append(chance > -np.float32(level))
    return answers[0], answers[1]
