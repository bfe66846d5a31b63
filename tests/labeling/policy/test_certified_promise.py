"""The promise: what is certified at 95 % is wrong no more often than its stated rate allows."""

import numpy as np
from scipy import stats

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Prediction
from data_registry.vocabulary import Verdict
from labeling.audit.sequential_test import bound_errors, count_tolerable_errors
from labeling.audit.target import DELTA
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


def accepted_by(policy: CertifiedPolicy | Policy, predictions: list[Prediction]) -> BoolArray:
    decisions = [policy.decide("teacher", item) for item in predictions]
    return np.array([item.verdict == Verdict.ACCEPTED for item in decisions])


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
        of_threshold = accepted_by(plain, predictions)
        threshold_broken += right[of_threshold].mean() < TARGET

        labelled = random.normal(3.0, 1.0, 160)
        curve = fit_prevalence_curve(labelled, score, np.ones(160))
        chances = dict(zip(names, curve.compute_chance(score).tolist(), strict=True))
        evidence = Evidence(chances, curve.share)
        policy = tighten_policy(
            CertifiedPolicy(plain=plain, evidence=evidence, target=TARGET), predictions, {}
        )
        accepted = accepted_by(policy, predictions)
        order = right[random.permutation(np.flatnonzero(accepted))]
        count = len(order)
        tolerable = count_tolerable_errors(count, TARGET)
        if count and bound_errors(count, order[:AUDITED], TARGET) <= tolerable:
            certificates += 1
            broken += order.mean() < TARGET
    assert threshold_broken == DRAWS
    assert certificates >= 20  # a promise that is never made keeps itself
    assert broken <= stats.binom.ppf(0.999, DRAWS, DELTA)
