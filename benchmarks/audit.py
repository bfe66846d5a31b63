"""The audit of an accepted set: false certificates and answers, beside other anytime-valid tests.

10,000 pools for each size and precision; the reviewer looks after every answer and stops at the
first certificate. The peers are likelihood ratios without replacement: against "none is wrong",
and against a beta-binomial mixture of all that reach the target (the one-sided form of the
prior-posterior-ratio martingale of Waudby-Smith and Ramdas, 2020).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

from benchmarks._common import run_benchmark
from data_registry.arrays import Float64Array
from labeling.audit.sequential_test import compute_target_boundary, count_tolerable_errors
from labeling.audit.target import DELTA, TARGET
from labeling.teacher.labelled import BoolArray, IntArray

SIZES = (25, 60, 200, 1000)
PRECISIONS = (1.0, 0.99, 0.98, 0.97)
MEDIANS = {25: 19, 60: 31, 200: 47}  # at 0.99, where most samples hold no error
PRIORS = {"mixture, uniform prior": (1.0, 1.0), "mixture, prior of mean 0.02": (1.0, 49.0)}


def measure(quick: bool) -> Mapping[str, Any]:
    """Measure false certificates and the answers until one, for ours and the peers."""
    pools = 1000 if quick else 10_000
    rows = [row for size in SIZES for row in _measure_size(size, pools)]
    ours = [row for row in rows if row["test"] == "ours"]
    false = [row["certified"] for row in rows if row["precision"] == "just below the target"]
    limit = DELTA + 3 * math.sqrt(DELTA / pools)
    medians = {
        size: next(r["median"] for r in ours if (r["size"], r["precision"]) == (size, 0.99))
        for size in SIZES
    }
    return {
        "pools": pools,
        "target": TARGET,
        "rows": rows,
        "goals": {
            "false certificates at most 5 %": max(false) <= limit,
            "medians as promised": all(medians[n] == wanted for n, wanted in MEDIANS.items()),
        },
    }


def _measure_size(size: int, pools: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(size)
    tolerable = count_tolerable_errors(size, TARGET)
    edge = random.random((pools, size)).argsort(axis=1) <= tolerable
    orders: dict[float | str, BoolArray] = {
        precision: random.random((pools, size)) >= precision for precision in PRECISIONS
    }
    for name, boundary in _build_tests(size, tolerable).items():
        for precision, order in {"just below the target": edge, **orders}.items():
            stopped = _find_stops(order, boundary)
            # A pool that breaks the target itself cannot be certified rightly.
            good = order.sum(axis=1) <= tolerable
            yield {
                "size": size,
                "test": name,
                "precision": precision,
                "certified": round(float((stopped <= size).mean()), 4),
                "median": int(np.median(stopped)),
                "mean": round(float(np.minimum(stopped, size).mean()), 1),
                "certified of those that reach the target": (
                    round(float((stopped[good] <= size).mean()), 4) if good.any() else None
                ),
            }


def _build_tests(size: int, tolerable: int) -> dict[str, IntArray]:
    alone = np.where(np.arange(size + 1) == 0, 0.0, -np.inf)
    tests = {
        "ours": compute_target_boundary(size, TARGET),
        "likelihood ratio against none wrong": _find_boundary(size, tolerable, alone),
    }
    for name, (first, second) in PRIORS.items():
        tests[name] = _find_boundary(
            size, tolerable, _compute_log_prior(size, tolerable, first, second)
        )
    return tests


def _compute_log_prior(size: int, tolerable: int, first: float, second: float) -> Float64Array:
    """Compute the log beta-binomial probabilities of the tolerable numbers of wrong images."""
    wrong = np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(wrong + 1) - gammaln(size - wrong + 1)
    prior: Float64Array = ways + betaln(wrong + first, size - wrong + second)
    prior[tolerable + 1 :] = -np.inf
    prior -= float(logsumexp(prior))
    return prior


def _find_boundary(size: int, tolerable: int, log_prior: Float64Array) -> IntArray:
    """Find for each number of errors the first look at which the martingale reaches 1 / delta."""
    null = tolerable + 1
    boundary = np.full(null, size + 1)
    limit = -math.log(DELTA) - 1e-9
    for errors in range(null):
        for answers in range(errors, size + 1):
            chances = _compute_log_chances(size, answers, errors)
            possible = np.isfinite(chances[null])
            if not possible or logsumexp(log_prior + chances) - chances[null] >= limit:
                boundary[errors] = answers
                break
    return boundary


def _compute_log_chances(size: int, answers: int, errors: int) -> Float64Array:
    """Compute the log chance of an order with so many errors, for 0 to `size` wrong images."""
    wrong = np.arange(size + 1)
    possible = (wrong >= errors) & (size - wrong >= answers - errors)
    k = wrong[possible]
    chances = np.full(size + 1, -np.inf)
    chances[possible] = (
        _fall(k, errors) + _fall(size - k, answers - errors) - _fall(np.array(size), answers)
    )
    return chances


def _fall(start: IntArray, steps: int) -> Float64Array:
    """Compute the log of start * (start - 1) * ..., so many factors."""
    logs: Float64Array = gammaln(start + 1) - gammaln(start - steps + 1)
    return logs


def _find_stops(order: BoolArray, boundary: IntArray) -> IntArray:
    """Find the first look at which each pool is certified; one past its size for never."""
    never = order.shape[1] + 1
    counts = np.minimum(order.cumsum(axis=1), len(boundary))
    passed = np.arange(1, never) >= np.append(boundary, never)[counts]
    stops: IntArray = np.where(passed.any(axis=1), passed.argmax(axis=1) + 1, never)
    return stops


if __name__ == "__main__":
    run_benchmark("audit", measure)
