"""The best of many equal challengers is seldom promoted: simulated contests."""

import numpy as np
import pytest

from train.evaluation.conclusions import BETTER
from train.experiments.champion_evaluation import RecipeScores, compare_scores, stack_scores

TRIALS, IMAGES = 300, 150


def score(right: np.ndarray) -> RecipeScores:
    names = tuple(f"{number:04}" for number in range(right.shape[1]))
    return RecipeScores(names, np.array(names), right, 0.0)


@pytest.mark.parametrize("challengers", [1, 10, 20])
def test_the_best_of_equal_challengers_is_seldom_better(challengers: int) -> None:
    random, promoted, uncorrected = np.random.default_rng(3), 0, 0
    for _ in range(TRIALS):
        hard = random.normal(0.85, 1, IMAGES)
        right = hard + random.normal(0, 0.8, (challengers + 1, IMAGES)) > 0
        best = 1 + int(right[1:].sum(axis=1).argmax())
        ours, theirs = score(right[best][None]), score(right[0][None])
        promoted += compare_scores(ours, theirs, challengers)[0] == BETTER
        uncorrected += compare_scores(ours, theirs)[0] == BETTER
    assert promoted / TRIALS <= 0.025 + 3 * (0.025 * 0.975 / TRIALS) ** 0.5
    if challengers > 1:
        assert uncorrected > 2 * promoted


def test_a_much_better_challenger_wins_among_many() -> None:
    random = np.random.default_rng(4)
    theirs = random.random((1, IMAGES)) < 0.7
    ours = theirs | (random.random((1, IMAGES)) < 0.7)
    answer, difference = compare_scores(score(ours), score(theirs), 20)
    assert answer == BETTER
    assert difference.interval.low > 0


def test_repeated_fits_count_as_runs() -> None:
    random = np.random.default_rng(5)
    repeats = [score(random.random((1, 40)) < 0.8) for _ in range(3)]
    stacked = stack_scores(repeats)
    assert stacked.correct.shape == (3, 40)
    _, difference = compare_scores(stacked, stacked)
    assert difference.parts.seed_count == 3
    with pytest.raises(ValueError, match="same images"):
        stack_scores([repeats[0], score(random.random((1, 39)) < 0.8)])
