"""The images of a round that the page shows: it stays small however large the pool is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from data_registry.labels.decisions import Decision
from data_registry.vocabulary import Verdict
from labeling.diagnostics.thresholds import ThresholdCandidate, Thresholds

NEAR = 48  # candidates shown around the threshold
SPREAD = 144  # and so many of the others, evenly over their ranks
TURNED_AWAY = 24
_OBVIOUS = "copy"  # rejected, and nothing to see


@dataclass(frozen=True)
class Sheets:
    """Images that the page holds.

    Attributes:
        candidates: the surest first; the page's slider moves the line between them.
        rejected: turned away whatever the threshold is, those that the teacher was surest of first.
    """

    candidates: tuple[ThresholdCandidate, ...]
    rejected: tuple[Decision, ...]


def select_sheets(
    thresholds: Thresholds, decisions: Sequence[Decision], present: Collection[str]
) -> Sheets:
    """Select the images to show, always the same.

    Args:
        thresholds: of the round.
        decisions: of the round.
        present: images whose bytes are there.
    """
    shown = [item for item in thresholds.candidates if item.sha256 in present]
    bound = thresholds.steps[thresholds.standing].threshold
    line = sum(item.score >= bound for item in shown)
    near = range(max(line - NEAR // 2, 0), min(line + NEAR // 2, len(shown)))
    evenly = np.linspace(0, len(shown) - 1, min(SPREAD, len(shown))).round().astype(int)
    places = sorted({*near, *evenly.tolist()})
    turned = [
        item for item in decisions if item.verdict == Verdict.REJECTED and item.reason != _OBVIOUS
    ]
    turned = [item for item in turned if item.sha256 in present]
    turned.sort(key=lambda item: (-item.confidence, item.sha256))
    return Sheets(tuple(shown[place] for place in places), tuple(turned[:TURNED_AWAY]))
