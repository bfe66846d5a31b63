"""What labelling is scored by: precision, coverage, acceptance of the others, calibration."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks._labeling_world import BARE, CEILING, Ranked, World
from data_registry.arrays import Float64Array
from labeling.diagnostics.reliability import (
    build_out_of_fold,
    compute_bin_calibration_error,
    compute_reliability_bins,
)
from labeling.rounds.round import Round
from train.evaluation.intervals import compute_wilson_interval

BEST = "certified, gate on, query on"
COVERAGES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
GOALS = {0: (0.93, 0.60), 100: (0.95, 0.70)}
WAY = 2 / 3  # from bare to ceiling


def score(
    accepted: Mapping[str, str],
    order: Sequence[Ranked],
    judged: Sequence[Ranked],
    asked: Set[str],
    world: World,
) -> dict[str, Any]:
    """Of the scored images: what was accepted, the precision at given coverages, the calibration.

    Args:
        accepted: image to class.
        order: what would be accepted with the threshold moved, the surest first.
        judged: every image with its class and the chance that it is right.
        asked: the scored images.
        world: the truth.
    """
    known = sum(bool(world.truth[name]) for name in asked)
    hits = np.cumsum([world.truth[name] == said for name, said, _ in order])
    at = {
        f"precision at {coverage:g}": _compute_precision_at(hits, coverage * known)
        for coverage in COVERAGES
    }
    return {
        "accepted": len(accepted),
        "right": sum(world.truth[name] == said for name, said in accepted.items()),
        "in class": known,
        "others": len(asked) - known,
        "others accepted": sum(not world.truth[name] for name in accepted),
        "calibration error": _compute_calibration_error(
            np.array([chance for _, _, chance in judged]),
            np.array([world.truth[name] == said for name, said, _ in judged]),
        ),
        **at,
    }


def compute_calibration_errors(found: Round) -> dict[str, float]:
    """Compute the calibration error on labelled images, before and after the temperature."""
    said = build_out_of_fold(found)
    return {
        "before": _compute_calibration_error(said.uncalibrated, said.right, said.weights),
        "after": _compute_calibration_error(said.confidence, said.right, said.weights),
    }


def _compute_calibration_error(
    chances: Float64Array,
    right: npt.NDArray[np.bool_],
    weights: Float64Array | None = None,
) -> float:
    weights = np.ones(len(chances)) if weights is None else weights
    return round(
        compute_bin_calibration_error(compute_reliability_bins(chances, right, weights)), 4
    )


def _compute_precision_at(hits: npt.NDArray[np.int64], wanted: float) -> float:
    place = int(np.searchsorted(hits, wanted - 1e-9))
    return float(hits[place] / (place + 1)) if place < len(hits) else float("nan")


def average_seeds(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Average each arm over its seeds; counts are added."""
    rows = []
    for (weights, arm, answers), part in table.groupby(["weights", "arm", "answers"]):
        sums = part[["accepted", "right", "in class", "others", "others accepted"]].sum()
        # Seeds score overlapping halves of one pool: the interval counts one seed's images.
        each = max(round(sums["accepted"] / len(part)), 1)
        share = sums["right"] / max(sums["accepted"], 1)
        interval = compute_wilson_interval(share * each, each)
        rows.append(
            {
                "weights": weights,
                "arm": arm,
                "answers": answers,
                "precision": round(float(share), 4),
                "interval": [round(interval.low, 4), round(interval.high, 4)],
                "coverage": round(float(sums["right"] / sums["in class"]), 4),
                "others accepted": round(float(sums["others accepted"] / sums["others"]), 4),
                "accepted of one seed": each,
                "calibration error": round(float(part["calibration error"].mean()), 4),
                **{
                    name: round(float(part[name].mean()), 4)
                    for name in map(str, part.columns)
                    if name.startswith("precision at") and part[name].notna().all()
                },
            }
        )
    return rows


def check_goals(table: pd.DataFrame) -> tuple[dict[str, bool], dict[str, float]]:
    """Check the goals with both weights, and the share of the way from bare to ceiling."""
    both = average_seeds(table[table["weights"] == "both"])
    found = {(row["arm"], row["answers"]): row for row in both}
    goals, ratios = {}, {}
    for answers, (precision, coverage) in GOALS.items():
        row, at = found[BEST, answers], f"precision at {coverage:g}"
        words = f"{answers} answers: precision {precision} at coverage {coverage}"
        stops = row["precision"] >= precision and row["coverage"] >= coverage
        goals[f"{words}, where the policy stops"] = stops
        goals[f"{words}, by its order"] = row[at] >= precision
        ratios[f"{answers} answers, {at}"] = row[at]
        bare, ceiling = found[BARE, 0][at], found[CEILING, 0][at]
        way = (row[at] - bare) / (ceiling - bare)
        ratios[f"{answers} answers, way from bare to ceiling at {coverage:g}"] = round(way, 3)
        goals[f"{answers} answers: two thirds of the way at {coverage:g}"] = way >= WAY
    return goals, ratios
