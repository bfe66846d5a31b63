"""Intervals and verdicts hold over seeds and images: simulated, with the truth known."""

import numpy as np
import pytest
from scipy import stats

from benchmarks._seeded_worlds import World, draw_answers
from train.evaluation.conclusions import (
    CANNOT_TELL,
    describe_difference,
    judge_difference,
)
from train.evaluation.intervals import (
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.evaluation.significance import compute_mcnemar

TRIALS = 1200
SLACK = 3 * (0.05 * 0.95 / TRIALS) ** 0.5  # three standard errors of the simulation
WORLDS = [
    World(images=40, seeds=3, seed_points=(0.04, 0.04)),
    World(images=40, seeds=1),
    World(images=500, seeds=3, seed_points=(0.008, 0.008)),
    World(images=500, seeds=3, seed_points=(0.018, 0.018)),
    World(images=1000, seeds=3, seed_points=(0.037, 0.037)),
    World(images=300, seeds=5, seed_points=(0.02, 0.02), opinion=0.0, chance=0.7),
    World(images=100, seeds=10, seed_points=(0.0, 0.04)),
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.images}x{world.seeds}")
def test_equal_models_are_seldom_called_different(world: World) -> None:
    random, groups = np.random.default_rng(7), np.arange(world.images)
    held = claimed = 0
    for _ in range(TRIALS // 100):
        for before, after in zip(*draw_answers(world, 100, random), strict=True):
            found = compute_paired_difference(after, before, groups)
            held += found.interval.low <= 0 <= found.interval.high
            claimed += judge_difference(found) != CANNOT_TELL
    assert claimed / TRIALS <= 0.05 + SLACK
    assert held / TRIALS >= 0.94 - SLACK


@pytest.mark.parametrize("points", [0.0, 0.04])
def test_an_accuracy_s_interval_holds_it_over_seeds(points: float) -> None:
    world = World(images=600, seeds=3, seed_points=(points, points))
    right, _ = draw_answers(world, TRIALS // 2, np.random.default_rng(3))
    intervals = [compute_accuracy_interval(each, np.arange(600)) for each in right]
    held = np.mean([each.low <= world.accuracy <= each.high for each in intervals])
    assert held >= 0.94 - 1.5 * SLACK


def test_the_seeds_share_of_the_uncertainty_is_told() -> None:
    alike = World(images=400, seeds=10)
    varied = World(images=400, seeds=10, seed_points=(0.04, 0.04))
    shares = []
    for world in (alike, varied):
        first, second = draw_answers(world, 1, np.random.default_rng(5))
        found = compute_paired_difference(second[0], first[0], np.arange(400))
        shares.append(found.parts.seed_share)
    assert shares[0] < 0.3
    assert shares[1] > 0.5
    assert describe_difference(found, 400, 10).endswith(
        f"mean of 10 seeds, which cause {100 * shares[1]:.0f} % of the uncertainty"
    )
    assert found.parts.advise_seeds() is not None


def test_no_difference_on_few_images_is_not_certain() -> None:
    same = np.ones((3, 40), dtype=bool)
    interval = compute_paired_difference(same, same, np.arange(40)).interval
    assert interval.high == -interval.low > 0.06


def test_one_large_group_is_one_witness() -> None:
    before = np.zeros((1, 100), dtype=bool)
    after = before.copy()
    after[0, :50] = True  # all of one group
    groups = np.maximum(np.arange(100) - 49, 0)
    interval = compute_paired_difference(after, before, groups).interval
    assert interval.low < 0
    assert interval.high > 0.9


def test_the_sign_flip_test_is_mcnemar_s_where_gains_are_single_images() -> None:
    random = np.random.default_rng(2)
    first, second = random.random((2, 300)) < 0.8
    groups = np.arange(300)
    ours = compute_paired_difference(first[None], second[None], groups).p_value
    assert ours == pytest.approx(compute_mcnemar(first, second, groups).p_value)


def test_the_sign_flip_test_counts_every_flip() -> None:
    random = np.random.default_rng(2)
    for _ in range(10):
        first, second = random.random((2, 3, 12)) < 0.6
        groups = np.repeat(np.arange(6), 2)
        net = (first.sum(axis=0) - second.sum(axis=0)).reshape(6, 2).sum(axis=1)
        expected = stats.permutation_test(
            (net.astype(float),),
            lambda values, axis: values.sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=10_000,
        ).pvalue
        assert compute_paired_difference(first, second, groups).p_value == pytest.approx(expected)
