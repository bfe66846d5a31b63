"""The promise: what is certified at 95 % is wrong no more often than its stated rate allows."""

import numpy as np
from scipy import stats

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Prediction
from data_registry.vocabulary import Verdict
from labeling.audit.certify import (
    DELTA,
    compute_lower_bound,
    compute_ranks,
    count_answers_needed,
    find_certified_part,
)
from labeling.open_set.evidence import Evidence
from labeling.open_set.prevalence import fit_prevalence_curve
from labeling.policy.certified import CertifiedPolicy, tighten_policy
from labeling.policy.policy import Policy
from labeling.teacher.labelled import BoolArray

DRAWS = 200
TARGET = 0.95
AUDITED = 150


def planted_pool(random: np.random.Generator) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Confidence, gate score and truth of a pool: half unknown classes, and the known shifted."""
    count = 800
    known = random.random(count) < 0.5
    # Look-alikes make the teacher nearly as sure as images of the classes do.
    confidence = np.where(known, random.beta(14, 0.6, count), random.beta(6, 1, count))
    score = random.normal(np.where(known, 2.5, 0.0), 1.0)  # labelled images lie at 3
    right = known & (random.random(count) < np.where(confidence > 0.9, 0.99, 0.8))
    return confidence, score, right


def accepted_by(
    policy: CertifiedPolicy | Policy, predictions: list[Prediction]
) -> tuple[BoolArray, Float64Array]:
    decisions = [policy.decide("teacher", item) for item in predictions]
    verdicts = np.array([item.verdict == Verdict.ACCEPTED for item in decisions])
    return verdicts, np.array([item.confidence for item in decisions])


def test_certified_keeps_its_promise_where_the_threshold_breaks_it_at_once() -> None:
    random = np.random.default_rng(0)
    broken = certificates = threshold_broken = 0
    for _ in range(DRAWS):
        confidence, score, right = planted_pool(random)
        names = [f"{number:064d}" for number in range(len(right))]
        predictions = [
            Prediction(name, {"a": float(c), "b": 1 - float(c)}, 0.0)
            for name, c in zip(names, confidence, strict=True)
        ]
        plain = Policy(TARGET, 1.0)
        of_threshold, _ = accepted_by(plain, predictions)
        threshold_broken += right[of_threshold].mean() < TARGET

        labelled = random.normal(3.0, 1.0, 160)
        curve = fit_prevalence_curve(labelled, score, np.ones(160))
        chances = dict(zip(names, curve.compute_chance(score).tolist(), strict=True))
        evidence = Evidence(chances, curve.share)
        policy = tighten_policy(CertifiedPolicy(plain, evidence, TARGET), predictions, {})
        accepted, chance = accepted_by(policy, predictions)
        where = random.permutation(np.flatnonzero(accepted))
        drawn = where[:AUDITED]
        ranks = compute_ranks(chance[drawn].tolist(), chance[accepted].tolist())
        part = find_certified_part(ranks, right[drawn], TARGET)
        if part is not None:
            everyone = compute_ranks(chance[accepted].tolist(), chance[accepted].tolist())
            certified = np.flatnonzero(accepted)[everyone <= part]
            certificates += 1
            broken += right[certified].mean() < TARGET
    assert threshold_broken == DRAWS
    assert certificates >= 20  # a promise that is never made keeps itself
    assert broken <= stats.binom.ppf(0.999, DRAWS, DELTA)


def test_a_fixed_order_of_thresholds_is_wrong_no_more_often_than_stated() -> None:
    """The hardest case: every part is exactly a hair below the target."""
    random = np.random.default_rng(1)
    draws = 1000
    wrong = 0
    for _ in range(draws):
        ranks = random.random(300)
        right = random.random(300) < TARGET - 1e-9
        wrong += find_certified_part(ranks, right, TARGET) is not None
    assert 0 < wrong <= stats.binom.ppf(0.999, draws, DELTA)


def test_picking_the_best_part_would_break_it() -> None:
    """What the fixed order is for: the same bound on the luckiest part promises too much."""
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(500):
        ranks, right = random.random(300), random.random(300) < TARGET - 1e-9
        parts = [right[ranks <= part] for part in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
        wrong += max(compute_lower_bound(int(item.sum()), len(item)) for item in parts) >= TARGET
    assert wrong > stats.binom.ppf(0.999, 500, DELTA)


def test_how_many_answers_are_wanted_is_known_beforehand() -> None:
    assert [count_answers_needed(0.95, wrong) for wrong in range(3)] == [59, 93, 124]
    assert count_answers_needed(0.99) == 299
    assert count_answers_needed(0.5) == 5


def test_the_surest_stand_first() -> None:
    ranks = compute_ranks([0.9, 0.5, 0.7], [0.5, 0.6, 0.7, 0.9])
    assert ranks.tolist() == [0.25, 1.0, 0.5]


def test_a_sample_too_small_for_a_part_tests_the_whole_alone() -> None:
    ranks = np.linspace(0, 1, 59)
    assert find_certified_part(ranks, np.ones(59, bool), TARGET) == 1.0
    assert find_certified_part(ranks, np.arange(59) > 0, TARGET) is None
    # Errors among the least sure alone: the surer part is certified.
    late = np.arange(300) < 270
    assert find_certified_part(np.linspace(0, 1, 300), late, TARGET) == 0.9
