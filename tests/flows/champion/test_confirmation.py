"""A promotion by held-out folds of train is confirmed on other folds."""

from types import SimpleNamespace

import numpy as np

from flows.champion.decision import _decide as decide
from flows.champion.scoring import CROSS_VALIDATION, Contest
from train.experiments.champion_evaluation import RecipeScores


def test_a_promotion_by_folds_is_confirmed_on_other_folds() -> None:
    """The first contest is won by luck, the repeats are even: undecided, and both are recorded."""
    images = np.arange(120)
    names = tuple(f"{number:03}" for number in images)
    even, lucky = np.ones((1, 120), dtype=bool), np.ones((1, 120), dtype=bool)
    even[0, :30] = False
    challenger, champion = (
        SimpleNamespace(
            key=key,
            name=f"{key}, without",
            best=SimpleNamespace(card=SimpleNamespace(run_id=key)),
        )
        for key in ("new", "old")
    )

    def contest(first: np.ndarray, second: np.ndarray) -> Contest:
        scores = {
            "new": RecipeScores(names, np.array(names), first, 0.1),
            "old": RecipeScores(names, np.array(names), second, 0.2),
        }
        return Contest(CROSS_VALIDATION, scores)

    asked = []

    def repeat(two: object) -> Contest:
        asked.append(two)
        return contest(np.repeat(even, 3, axis=0), np.repeat(even, 3, axis=0))

    decided = decide("old", champion, [challenger], contest(lucky, even), repeat)
    assert (decided.verdict, decided.run_id, len(asked)) == ("undecided", "old", 1)
    assert "on other folds: as many of 120" in decided.reason
    assert decided.evidence["confirmation"]["difference"] == 0
    decided = decide("old", champion, [challenger], contest(even, even), repeat)
    assert (decided.verdict, len(asked)) == ("undecided", 1)
    again = decide(
        "old", champion, [challenger], contest(lucky, even), lambda _: contest(lucky, even)
    )
    assert (again.verdict, again.run_id) == ("promoted", "new")
