"""Figures of several models at once: accuracy against cost, errors against answers given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from train.evaluation.intervals import Interval
from train.evaluation.risk_coverage import compute_risk_coverage
from train.experiments.runs import Run
from train.reports.cost import Cost
from train.reports.figure_style import Theme, render_themes
from train.reports.figure_text import choose_lettering

_LEAST_DOT, _LARGEST_DOT = 40.0, 420.0  # square points


@dataclass(frozen=True)
class Dot:
    """One model in `accuracy_against_cost`; its page's own models stand out."""

    name: str
    accuracy: Interval
    cost: Cost
    is_own: bool


def plot_accuracy_by_cost(dots: Sequence[Dot], target: float | None) -> dict[str, bytes]:
    """Test accuracy with its interval by milliseconds an image; areas by number of weights."""
    most = max(dot.cost.parameters for dot in dots)
    slowest = max(dot.cost.milliseconds for dot in dots)
    letters = choose_lettering(dot.name for dot in dots)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for dot in sorted(dots, key=lambda dot: dot.is_own):
            colour = theme.arms[dot.is_own]
            at, accuracy = dot.cost.milliseconds, dot.accuracy
            axes.plot([at, at], [accuracy.low, accuracy.high], color=colour, alpha=0.35, lw=4)
            area = max(_LARGEST_DOT * dot.cost.parameters / most, _LEAST_DOT)
            axes.scatter(at, accuracy.estimate, s=area, color=colour, alpha=0.9, zorder=3)
            # The slowest dot's name would leave the figure to the right.
            side = -1 if at == slowest and len(dots) > 1 else 1
            axes.annotate(
                letters[dot.name],
                (at, accuracy.estimate),
                (side * (area**0.5 / 2 + 4), 4),
                textcoords="offset points",
                va="bottom",
                ha="left" if side > 0 else "right",
                fontsize=9,
                color=theme.ink,
            )
        if target is not None:
            axes.axhline(target, color=theme.ink, linestyle=(0, (4, 3)), linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.tick_params(which="minor", length=0)
        axes.margins(x=0.3)
        axes.set_xlabel("milliseconds for one image; areas: number of weights")
        axes.set_ylabel("test accuracy, 95 % interval")

    return render_themes(draw, 6.6, 4.0, letters.families)


def plot_errors_by_coverage(runs: Mapping[str, Run]) -> dict[str, bytes]:
    """Share of errors among the images answered, the surest first; one line a run."""
    letters = choose_lettering(runs)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for (name, run), colour in zip(runs.items(), theme.arms[-len(runs) :], strict=True):
            rows = run.get_test_predictions()
            curve = compute_risk_coverage(rows["confidence"], rows["true"] == rows["predicted"])
            axes.step(
                curve.coverage, curve.risk, color=colour, where="post", lw=1.8, label=letters[name]
            )
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.set_xlim(0, 1.02)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("images answered, the surest first")
        axes.set_ylabel("errors among them")
        if len(runs) > 1:
            axes.legend(frameon=False)

    return render_themes(draw, 4.4, 4, letters.families)
