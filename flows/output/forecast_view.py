"""The answer of `ephyra forecast`: the advice, then one line for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_registry.text.wording import count_noun
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_table

if TYPE_CHECKING:
    from labeling.forecast.forecast import Forecast, Gain

_TOO_FEW = (
    "too few labelled images for a learning curve: expected at least 40 that were imported, and 2 "
    "different ones of each class"
)


def build_forecast_answer(found: Forecast | None) -> Answer:
    """Build the answer of `forecast`."""
    if found is None:
        return Answer({"forecast": None, "advice": _TOO_FEW}, [_TOO_FEW])
    curve = build_table("images learnt from", "accuracy out of fold", "95 % interval")
    for point in found.points:
        spread = f"{100 * point.low:.1f} to {100 * point.high:.1f}"
        curve.add_row(f"{point.images:.0f}", f"{100 * point.accuracy:.1f} %", spread)
    more = found.classes[0].more
    of_class = f"{more} more bring"
    classes = build_table("class", "images", "accuracy", of_class, "95 % interval", wide=["class"])
    for gain in found.classes:
        classes.add_row(
            gain.class_name, str(gain.now), f"{100 * gain.accuracy:.1f} %", *_format_gain(gain)
        )
    words = (
        f"Measured on {count_noun(found.images, 'labelled image')} in "
        f"{count_noun(found.groups, 'group')}, as if further ones were like them. Answers also "
        "teach what is none of the classes, which is not counted here."
    )
    return Answer({"forecast": make_plain(found)}, [curve, found.advice, classes, words])


def _format_gain(gain: Gain) -> tuple[str, str]:
    spread = f"{100 * gain.low:.1f} to {100 * gain.high:.1f}"
    return f"{100 * gain.gain:+.1f} points", spread
