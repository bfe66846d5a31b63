"""What the pages of reports have in common: their templates, words and pictures inside the page."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data_registry.text.printable import make_value_printable
from data_registry.text.wording import format_class_name
from train.evaluation.conclusions import (
    BETTER,
    CANNOT_TELL,
    WORSE,
    Goal,
    format_accuracy,
    format_difference,
    judge_goal,
)
from train.evaluation.intervals import Interval
from train.experiments.arms import Comparison, compute_run_accuracy
from train.experiments.runs import Run
from train.reports.figure_style import THEMES

_TEMPLATES = Path(__file__).parent / "templates"
_HEADLINES = {
    BETTER: "The collected data helped",
    WORSE: "The collected data made the model worse",
    CANNOT_TELL: "No measurable effect yet",
}


@dataclass(frozen=True, kw_only=True)
class ArmView:
    """One arm as the page shows it."""

    name: str
    accuracy: Interval
    goal: Goal | None
    train_count: int
    image_count: int

    @property
    def interval(self) -> str:
        """In words, without the estimate."""
        return format_accuracy(self.accuracy).partition(", ")[2]


def build_environment() -> Environment:
    """Build the template environment with filters for numbers and pictures."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=make_value_printable,
    )
    made.filters["embedded"] = _embed_picture
    made.filters["jpeg"] = lambda data: _build_data_url(data, "jpeg")
    made.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    made.filters["grouped"] = lambda count: f"{count:,}"
    made.filters["scaled"] = _format_scaled
    made.filters["class_name"] = format_class_name
    made.filters["coded"] = _format_code
    made.filters["minus"] = lambda text: text.replace("-", "\N{MINUS SIGN}")
    return made


def write_headline(result: Comparison | Run) -> str:
    """Write the answer in a few words."""
    if isinstance(result, Comparison):
        answer = _HEADLINES[result.answer]
        return f"{answer}: {format_difference(result.difference)}"
    test = result.test
    return f"{test.correct_count} of {test.image_count} test images are classified correctly"


def build_arm_views(result: Comparison | Run, target: float | None) -> list[ArmView]:
    """Both arms of a comparison, or the single run."""
    if isinstance(result, Comparison):
        rows = [
            (arm.name.value, arm.accuracy, arm.runs[0])
            for arm in (result.without, result.with_collected)
        ]
    else:
        rows = [(result.card.arm, compute_run_accuracy(result), result)]
    return [
        ArmView(
            name=name,
            accuracy=accuracy,
            goal=judge_optional_goal(target, accuracy, run.test.image_count),
            train_count=run.card.train_count,
            image_count=run.test.image_count,
        )
        for name, accuracy, run in rows
    ]


def judge_optional_goal(target: float | None, accuracy: Interval, image_count: int) -> Goal | None:
    """Whether the target is reached, where there is one."""
    return None if target is None else judge_goal(target, accuracy, image_count)


def choose_run(result: Comparison | Run) -> Run:
    """Choose the run whose details are shown: the best by validation, never by test."""
    return select_best(result.with_collected.runs) if isinstance(result, Comparison) else result


def select_best(runs: Sequence[Run]) -> Run:
    """Select the run with the lowest validation loss."""
    return min(runs, key=lambda run: run.val.log_loss)


def compute_band(interval: Interval) -> dict[str, float]:
    """Places in percent of an interval on a scale that is symmetric around zero."""
    reach = 1.15 * max(abs(interval.low), abs(interval.high), 0.02)
    values = {"low": interval.low, "estimate": interval.estimate, "high": interval.high}
    places = {name: 50 + 50 * value / reach for name, value in values.items()}
    return {**places, "width": places["high"] - places["low"], "reach": 100 * reach}


def _format_code(text: str) -> Markup:
    """Markdown's `code` as HTML; everything else is escaped."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text)))


def _format_scaled(count: float) -> str:
    """1,234,567 as 1.23 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:g}"


def _embed_picture(themes: Mapping[str, bytes], alternative: str) -> Markup:
    light, dark = (_build_data_url(themes[theme.name], "png") for theme in THEMES)
    return Markup(  # both parts are our own base64, the text is escaped
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{html.escape(alternative)}" loading="lazy"></picture>'
    )


def _build_data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
