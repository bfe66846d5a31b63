"""The learnt "none of these", the share of the known, the query's weight, the queue's order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import labelled

from labeling.open_set.open_set import OpenImages, assign_folds, compute_known_scores
from labeling.open_set.prevalence import estimate_prevalence, fit_prevalence_curve
from labeling.policy.certified import find_loosest_bound
from labeling.rounds.acquisition import compute_answer_worth, select_questions
from labeling.teacher.gate import fit_gate
from labeling.teacher.labelled import LabelledImages

CLASSES, EACH, WIDTH = 3, 30, 24


def blobs(random: np.random.Generator, centre: int, count: int, spread: float) -> np.ndarray:
    points = np.eye(WIDTH)[centre] + spread * random.normal(size=(count, WIDTH))
    return points.astype(np.float32)


def open_images(seed: int = 0) -> tuple[OpenImages, np.ndarray]:
    """Three classes; a pool of 60 of them, and 120 of four other kinds, one a look-alike."""
    random = np.random.default_rng(seed)
    known = [blobs(random, number, EACH, 0.12) for number in range(CLASSES)]
    pool = [blobs(random, number, 20, 0.12) for number in range(CLASSES)]
    strange = [blobs(random, number, 30, 0.12) for number in (6, 7, 8)]
    alike = blobs(random, 0, 30, 0.12) + 0.9 * np.eye(WIDTH, dtype=np.float32)[9]
    features = np.vstack([*known, *pool, *strange, alike])
    images = labelled(np.repeat(range(CLASSES), EACH), [str(n) for n in range(CLASSES * EACH)])
    names = tuple(f"pool {number:03d}" for number in range(180))
    return OpenImages(images, (), names, features), np.arange(180) < 60


def scores_of(images: OpenImages) -> np.ndarray | None:
    count = len(images.labelled)
    gate = fit_gate(images.labelled, images.features[:count], 0.95)
    return compute_known_scores(images, gate, assign_folds(images, folds=5, seed=0))


def test_what_is_of_no_class_scores_below_what_is() -> None:
    images, is_known = open_images()
    scores = scores_of(images)
    assert scores is not None
    pool = scores[images.in_pool]
    assert (pool[is_known][:, None] > pool[~is_known][None, :]).mean() > 0.97
    share = estimate_prevalence(scores[:90], pool, np.ones(90))
    assert share == pytest.approx(1 / 3, abs=0.08)
    chances = fit_prevalence_curve(scores[:90], pool, np.ones(90)).compute_chance(pool)
    assert chances[is_known].mean() > 0.7
    assert chances[~is_known].mean() < 0.1


def test_the_heads_find_the_same_again_and_do_not_hang_on_the_pools_order() -> None:
    images, _ = open_images()
    first = scores_of(images)
    assert np.array_equal(first, scores_of(images))
    place = np.r_[np.arange(90), 90 + np.random.default_rng(0).permutation(180)]
    names = tuple(images.pool[index - 90] for index in place[90:])
    shuffled = OpenImages(images.labelled, (), names, images.features[place])
    again = scores_of(shuffled)
    assert first is not None
    assert again is not None
    assert np.corrcoef(again, first[place])[0, 1] > 0.999


def test_a_pool_of_nothing_strange_teaches_no_none_of_these() -> None:
    images, _ = open_images()
    near = images.features[:90] * 1.01
    same = OpenImages(
        images.labelled, (), tuple(map(str, range(90))), np.vstack([images.features[:90], near])
    )
    assert scores_of(same) is None


def test_an_answer_of_none_teaches() -> None:
    """Strange images that stand within the bound are told by their answered kin."""
    images, _ = open_images()
    count = len(images.labelled)
    features = np.vstack(
        [images.features[:count], images.features[-30:], images.features[count:-30]]
    )
    answered = OpenImages(
        images.labelled, tuple(f"none {n}" for n in range(30)), images.pool[:150], features
    )
    scores = scores_of(answered)
    assert scores is not None
    assert (scores[count : count + 30] < 0).mean() > 0.9


def test_answered_images_are_no_evidence_for_bounds() -> None:
    images = open_images()[0]
    plain = images.labelled
    far = np.zeros((5, WIDTH), np.float32)
    far[:, 20] = 1
    names = tuple(f"asked {number}" for number in range(5))
    with_answers = LabelledImages(
        sha256=(*plain.sha256, *names),
        classes=np.concatenate([plain.classes, np.zeros(5, np.int64)]),
        groups=(*plain.groups, *names),
        class_names=plain.class_names,
        answered=frozenset(names),
    )
    features = np.vstack([images.features[:90], far])
    bound = fit_gate(plain, images.features[:90], 0.95).bound
    assert fit_gate(with_answers, features, 0.95).bound == pytest.approx(bound, abs=1e-6)
    assert with_answers.is_unbiased_sample.sum() == 90


def test_copies_count_as_one() -> None:
    images = labelled([0, 1, 1, 1], ["a", "b", "b", "c"])
    assert images.weights.tolist() == [1, 0.5, 0.5, 1]


@given(st.floats(0.1, 0.9), st.integers(0, 30))
def test_the_share_of_a_mixture_is_found(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    known = random.random(4000) < share
    pool = np.where(known, random.normal(4, 1, 4000), random.normal(0, 1, 4000))
    found = fit_prevalence_curve(random.normal(4, 1, 2000), pool, np.ones(2000))
    assert abs(found.share - known.mean()) <= 0.06
    chances = found.compute_chance(np.linspace(-4, 8, 50))
    assert (np.diff(chances) >= -1e-12).all()
    assert ((chances > 0) & (chances < 1)).all()
    assert abs(found.compute_chance(pool).mean() - known.mean()) < 0.08


def test_a_small_sample_of_a_pool_that_is_all_known_is_not_called_half_strange() -> None:
    """The lowest of several noisy ratios would say 0.8 on average."""
    random = np.random.default_rng(0)
    shares = [
        estimate_prevalence(random.normal(size=45), random.normal(size=160), np.ones(45))
        for _ in range(200)
    ]
    assert np.mean(shares) > 0.93


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.5, 0.99))
def test_the_bound_is_the_loosest_at_which_the_mean_reaches_the_target(
    values: list[float], target: float
) -> None:
    chances = np.array(values)
    bound = find_loosest_bound(chances, target)
    taken = chances[chances >= bound]
    looser = chances[chances < bound]
    if len(taken):
        assert taken.mean() >= target - 1e-9 or (taken == bound).sum() > 1
    if len(looser):
        wider = chances[chances >= looser.max()]
        assert wider.mean() < target + 1e-9


def test_sure_of_a_class_and_unsure_of_any_is_worth_most() -> None:
    worth = compute_answer_worth(
        np.array([0.99, 0.99, 0.5, 0.99]), np.array([0.5, 0.99, 0.5, 0.01])
    )
    assert worth.argmax() == 0
    assert worth[1] == worth[3] == 0


def test_the_queue_is_diverse() -> None:
    features = np.array([[1, 0], [1, 0.01], [0, 1]], dtype=np.float32)
    order = select_questions(["a", "b", "c"], np.array([0.25, 0.24, 0.2]), features, 3)
    assert order == ["a", "c", "b"]
    assert select_questions(["a", "b"], np.array([0.0, 0.1]), features[:2], 5) == ["b"]
