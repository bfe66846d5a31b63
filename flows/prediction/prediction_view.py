"""The answer of `predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType

from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_notice, build_table

if TYPE_CHECKING:
    from flows.prediction.predicting import FilePrediction


def build_predict_answer(
    predictions: Sequence[FilePrediction], count: int, csv: Path | None = None
) -> Answer:
    """Build the answer of `predict`."""
    drawn = build_table("image", "answer", "probability", "then", wide=["image", "then"])
    for item in predictions:
        ranked = [f"{name} {value:.2f}" for name, value in item.get_top(count)]
        others = ", ".join(ranked[1:])
        drawn.add_row(item.file, item.answer, "".join(ranked[:1]), others or item.trouble)
    shown: list[RenderableType] = [drawn]
    if any(item.probabilities and not item.calibrated for item in predictions):
        shown.append(
            build_notice(
                "not calibrated, and often too sure: `ephyra train` calibrates the champion"
            )
        )
    if csv:
        shown.append(f"wrote {csv}")
    return Answer({"predictions": make_plain(predictions)}, shown)
