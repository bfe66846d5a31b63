"""The report's figures as PNG, each for light and for dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from train.evaluation.intervals import Interval, compute_wilson_interval
from train.evaluation.metrics import Metrics
from train.experiments.runs import Run
from train.reports.figure_style import DARK, LIGHT, Theme, render_themes
from train.reports.figure_text import Lettering, choose_lettering

_BINS = 10
_LETTER = 0.085  # inches
_SHORT_NAME = 10  # letters
_SLANT = 0.64  # of a name's length, at 40 degrees


def plot_learning_curve(arms: Mapping[str, Sequence[Run]], score: str) -> dict[str, bytes]:
    """``"loss"`` or ``"accuracy"`` by step: validation solid, training dotted, a dot where kept."""

    letters = choose_lettering(arms)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for (name, runs), colour in zip(arms.items(), _choose_colours(arms, theme), strict=True):
            for run in runs:
                _draw_curve(axes, run, score, colour)
            axes.plot([], [], color=colour, label=letters[name])
        axes.set_title(score.capitalize())
        axes.set_xlabel("optimiser steps")
        if len(arms) > 1:
            axes.legend(frameon=False)

    return render_themes(draw, 4.6, 3.3, letters.families)


def plot_confusion(metrics: Metrics) -> dict[str, bytes]:
    """Plot true by predicted classes: colours are shares of the true class, text is counts."""
    counts = np.array(metrics.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    letters = choose_lettering((), (scores.name for scores in metrics.classes))
    names = list(letters.labels.values())
    side = min(1.6 + 0.5 * len(names), 11)
    room = _measure_room(letters)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        colours = LinearSegmentedColormap.from_list("share", theme.scale)(shares)
        axes.imshow(colours)
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                bright = colours[row, column, :3] @ (0.299, 0.587, 0.114) > 0.55
                ink = LIGHT.ink if bright else DARK.ink
                axes.text(
                    column, row, str(counts[row, column]), ha="center", va="center", color=ink
                )
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    # names stand upright to the left and slanted below
    return render_themes(draw, side + 0.8 + room, side + room * _SLANT, letters.families)


def plot_class_recall(arms: Mapping[str, Run]) -> dict[str, bytes]:
    """Recall of each class with Wilson's interval, one row a class, one colour an arm."""
    first = next(iter(arms.values()))
    letters = choose_lettering(arms, (scores.name for scores in first.test.classes))

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for place, ((arm, run), colour) in enumerate(
            zip(arms.items(), _choose_colours(arms, theme), strict=True)
        ):
            shift = 0.13 * (2 * place - len(arms) + 1)
            for row, interval in _compute_recalls(run.test):
                _draw_interval(axes, interval, row + shift, colour)
            axes.plot([], [], "o", color=colour, label=letters[arm])
        labels = [f"{letters[s.name]}  ({s.support})" for s in first.test.classes]
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("recall on test, 95 % interval (images in brackets)")
        axes.grid(False, axis="y")
        if len(arms) > 1:
            axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))

    height = 1.2 + 0.42 * len(first.test.classes)
    return render_themes(draw, 6.2 + _measure_room(letters), height, letters.families)


def plot_accuracies(
    arms: Mapping[str, tuple[Interval, Sequence[float]]], target: float | None
) -> dict[str, bytes]:
    """Test accuracy of each arm: mean and interval, a faint dot for each run, the goal dashed."""
    letters = choose_lettering(arms)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for row, ((interval, runs), colour) in enumerate(
            zip(arms.values(), _choose_colours(arms, theme), strict=True)
        ):
            _draw_interval(axes, interval, row, colour, size=11)
            axes.plot(runs, [row - 0.3] * len(runs), "o", color=colour, alpha=0.5, markersize=5)
        if target is not None:
            axes.axvline(target, color=theme.ink, linestyle=(0, (4, 3)), linewidth=1)
            axes.text(target, -0.62, f" goal {100 * target:.0f} %", color=theme.ink, va="bottom")
        axes.set_yticks(range(len(arms)), [letters[name] for name in arms])
        axes.set_ylim(len(arms) - 0.5, -0.62)
        axes.set_xlabel("test accuracy, 95 % interval; small dots are single runs")
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.grid(False, axis="y")

    return render_themes(
        draw, 6.2 + _measure_room(letters), 1.1 + 0.65 * len(arms), letters.families
    )


def plot_reliability(run: Run) -> dict[str, bytes]:
    """How often predictions of each confidence are right; below the diagonal is over-confident."""
    rows = run.get_test_predictions()
    confidence = rows["confidence"].to_numpy()
    right = (rows["true"] == rows["predicted"]).to_numpy()
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=theme.muted, linestyle=(0, (4, 3)), linewidth=1)
        for which in np.unique(bins):
            inside = bins == which
            share = compute_wilson_interval(int(right[inside].sum()), int(inside.sum()))
            at = float(confidence[inside].mean())
            axes.plot([at, at], [share.low, share.high], color=theme.arms[1], alpha=0.35, lw=4)
            axes.plot(at, share.estimate, "o", color=theme.arms[1], markersize=8)
            axes.text(
                at, share.low - 0.015, str(inside.sum()), color=theme.muted, ha="center", va="top"
            )
        axes.set_xlim(0, 1.03)
        axes.set_ylim(-0.06, 1.03)
        axes.set_xlabel("confidence")
        axes.set_ylabel("share right (numbers: images)")

    return render_themes(draw, 4.4, 4)


def _measure_room(letters: Lettering) -> float:
    """Inches that names take beyond those that fit anyway."""
    return _LETTER * max(letters.longest - _SHORT_NAME, 0)


def _choose_colours(arms: Mapping[str, Any], theme: Theme) -> Sequence[str]:
    return theme.arms[-len(arms) :]


def _draw_curve(axes: Any, run: Run, score: str, colour: str) -> None:
    history = run.card.fitted.history
    steps = [check.step for check in history]
    for split, style, opacity in (("train", ":", 0.6), ("val", "-", 0.95)):
        values = [getattr(check, f"{split}_{score}") for check in history]
        axes.plot(steps, values, style, color=colour, alpha=opacity, linewidth=1.4)
    best = steps.index(run.card.fitted.best_step)
    kept = getattr(history[best], f"val_{score}")
    axes.plot(steps[best], kept, "o", color=colour, markersize=6)


def _compute_recalls(metrics: Metrics) -> Iterator[tuple[int, Interval]]:
    for row, scores in enumerate(metrics.classes):
        if scores.support:
            yield (
                row,
                compute_wilson_interval(round(scores.recall * scores.support), scores.support),
            )


def _draw_interval(axes: Any, interval: Interval, row: float, colour: str, size: int = 8) -> None:
    axes.plot(
        [interval.low, interval.high],
        [row, row],
        color=colour,
        alpha=0.35,
        linewidth=size / 2,
        solid_capstyle="round",
    )
    axes.plot(interval.estimate, row, "o", color=colour, markersize=size)
