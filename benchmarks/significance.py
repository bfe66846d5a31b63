"""Is "better" said only where it is true, and do the intervals hold what they promise?"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._common import run_benchmark
from benchmarks._seeded_worlds import World, draw_answers
from train.evaluation.conclusions import BETTER, CANNOT_TELL, judge_difference
from train.evaluation.intervals import Difference, compute_paired_difference

FALSE_CLAIMS = 0.05
COVERAGE = 0.94
_FOUND = 2.8  # standard errors that a test with a known variance finds in four of five trials
_AT_ONCE = 4_000_000  # answers in memory
_KINDS = {  # by what the models differ in: opinion, chance
    "opinion and chance": {"opinion": 0.5, "chance": 0.5},
    "chance alone": {"opinion": 0.0, "chance": 0.7},
    "hardly any chance": {"opinion": 0.5, "chance": 0.1},
}


def measure(quick: bool) -> Mapping[str, Any]:
    """Simulate comparisons of two models whose true difference is known.

    For each number of images and seeds and each standard deviation over seeds: how often the 95 %
    interval holds the difference, how often equal models are called better or worse, and the power
    at a difference that a test which knows the variance finds in four of five trials.
    """
    trials = 200 if quick else 2000
    cells = [_measure_cell(kind, world, trials) for kind, world in _list_worlds(quick)]
    slack = 2 * (0.05 * 0.95 / trials) ** 0.5  # two standard errors of the simulation
    claims = max(cell["false claims"] for cell in cells)
    coverage = min(cell["coverage"] for cell in cells)
    return {
        "ours": {"trials": trials, "cells": cells, "summary": _summarise(cells)},
        "goals": {
            f"false claims at most {FALSE_CLAIMS:g}": claims <= FALSE_CLAIMS + slack,
            f"coverage at least {COVERAGE:g}": coverage >= COVERAGE - slack,
        },
    }


def _list_worlds(quick: bool) -> Iterator[tuple[str, World]]:
    images = (40, 400) if quick else (40, 100, 400, 2000)
    points = ((0.0, 0.0), (0.01, 0.01), (0.02, 0.02), (0.04, 0.04), (0.0, 0.04))
    for (kind, spread), count, seeds, sd in itertools.product(
        _KINDS.items(), images, (3,) if quick else (3, 5, 10), points
    ):
        yield kind, World(images=count, seeds=seeds, seed_points=sd, **spread)


def _measure_cell(kind: str, world: World, trials: int) -> dict[str, Any]:
    equal = list(_compare(world, trials))
    error = float(np.std([found.interval.estimate for found in equal]))
    gain = min(_FOUND * error, 0.19)
    apart = list(_compare(replace(world, gain=gain), trials))
    return {
        "kind": kind,
        "images": world.images,
        "seeds": world.seeds,
        "seed points": [round(100 * points, 1) for points in world.seed_points],
        "coverage": round(min(_cover(equal, 0.0), _cover(apart, gain)), 4),
        "false claims": _share([judge_difference(found) != CANNOT_TELL for found in equal]),
        "difference": round(100 * gain, 1),
        "power": _share([judge_difference(found) == BETTER for found in apart]),
        "seeds' share": round(float(np.mean([found.parts.seed_share for found in equal])), 2),
    }


def _compare(world: World, trials: int) -> Iterator[Difference]:
    random = np.random.default_rng([world.images, world.seeds, round(1e4 * world.gain)])
    groups = np.arange(world.images)
    step = max(_AT_ONCE // (world.images * world.seeds), 1)
    for start in range(0, trials, step):
        first, second = draw_answers(world, min(step, trials - start), random)
        for before, after in zip(first, second, strict=True):
            yield compute_paired_difference(after, before, groups)


def _cover(found: list[Difference], truth: float) -> float:
    return _share([each.interval.low <= truth <= each.interval.high for each in found])


def _share(values: list[bool]) -> float:
    return round(float(np.mean(values)), 4)


def _summarise(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Worst coverage and false claims, and mean power, by seeds and points over seeds."""
    found = []
    for seeds, points in sorted({(c["seeds"], tuple(c["seed points"])) for c in cells}):
        own = [c for c in cells if (c["seeds"], tuple(c["seed points"])) == (seeds, points)]
        found.append(
            {
                "seeds": seeds,
                "seed points": points,
                "least coverage": min(c["coverage"] for c in own),
                "most false claims": max(c["false claims"] for c in own),
                "power": round(float(np.mean([c["power"] for c in own])), 2),
                "seeds' share": round(float(np.mean([c["seeds' share"] for c in own])), 2),
            }
        )
    return found


if __name__ == "__main__":
    run_benchmark("significance", measure)
