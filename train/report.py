"""The report: one self-contained HTML page, the answer first, and its figures as PNG files."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data_registry.files import FileStore
from train import figures
from train.arms import WITH, WITHOUT, Comparison, run_accuracy
from train.cautions import cautions
from train.decoding import ReadImage
from train.intervals import Interval
from train.pictures import WrongPrediction, contact_sheet, wrong_predictions
from train.runs import Run
from train.verdicts import BETTER, CANNOT_TELL, WORSE, Goal, judge_goal, percent

_WRONG_SHOWN = 24
_TEMPLATES = Path(__file__).parent / "templates"
_HEADLINES = {
    BETTER: "The collected data helped",
    WORSE: "The collected data did harm",
    CANNOT_TELL: "It cannot be told whether the collected data helped",
}


@dataclass(frozen=True)
class ClassOrigin:
    """Where one class's training images came from.

    Attributes:
        label: images with the class they were imported with.
        annotation: images a person classed.
        decision: images the teacher classed and the policy accepted.
    """

    name: str
    label: int
    annotation: int
    decision: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.label + self.annotation + self.decision


@dataclass(frozen=True)
class Report:
    """What a report tells.

    Attributes:
        project: the project's name.
        version: the version's tag or hash, as people call it.
        result: a comparison of arms, or a single run.
        read: gives an image's encoded bytes, for the wrong predictions.
        target: accuracy that the project wants, 0-1, or None.
        origins: where the training images came from, by class.
        facts: how the version was made: (name, value) pairs.
    """

    project: str
    version: str
    result: Comparison | Run
    read: ReadImage = field(repr=False)
    target: float | None = None
    origins: Sequence[ClassOrigin] = ()
    facts: Sequence[tuple[str, str]] = ()


def write_report(files: FileStore, folder: str, report: Report) -> str:
    """Write ``folder/report.html`` and ``folder/figures/*.png``.

    Returns:
        The page's path, relative to the workspace.

    Raises:
        StorageError: the files cannot be written.
    """
    chosen = _chosen(report.result)
    wrong = wrong_predictions(chosen, report.read, _WRONG_SHOWN)
    pictures = _figures(report, chosen)
    for name, themes in pictures.items():
        files.write(f"{folder}/figures/{name}.png", themes[figures.LIGHT.name])
    if wrong:
        files.write(f"{folder}/figures/wrong_predictions.png", contact_sheet(wrong))
    page = f"{folder}/report.html"
    files.write(page, _page(report, chosen, wrong, pictures).encode())
    return page


def _page(
    report: Report,
    chosen: Run,
    wrong: Sequence[WrongPrediction],
    pictures: Mapping[str, Mapping[str, bytes]],
) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["embedded"] = _embedded
    environment.filters["jpeg"] = lambda data: _data_url(data, "jpeg")
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["grouped"] = lambda count: f"{count:,}"
    result = report.result
    return environment.get_template("report.html.j2").render(
        report=report,
        headline=_headline(result),
        comparison=result if isinstance(result, Comparison) else None,
        band=_band(result.difference.interval) if isinstance(result, Comparison) else None,
        arms=_arms(report),
        runs=_runs(result),
        chosen=chosen,
        wrong=wrong,
        wrong_count=chosen.test.image_count - chosen.test.correct_count,
        pictures=pictures,
        cautions=cautions(result, chosen, report.origins),
    )


@dataclass(frozen=True)
class _ArmView:
    name: str
    accuracy: Interval
    goal: Goal | None
    train_count: int
    image_count: int

    @property
    def interval(self) -> str:
        return percent(self.accuracy).partition(", ")[2]


def _headline(result: Comparison | Run) -> str:
    if isinstance(result, Comparison):
        return _HEADLINES[result.answer]
    test = result.test
    return f"{test.correct_count} of {test.image_count} test images are predicted right"


def _arms(report: Report) -> list[_ArmView]:
    result = report.result
    if isinstance(result, Comparison):
        rows = [
            (arm.name, arm.accuracy, arm.runs[0]) for arm in (result.without, result.with_collected)
        ]
    else:
        rows = [(result.card.arm, run_accuracy(result), result)]
    return [
        _ArmView(
            name=name,
            accuracy=accuracy,
            goal=(report.target and judge_goal(report.target, accuracy, run.test.image_count))
            or None,
            train_count=run.card.train_count,
            image_count=run.test.image_count,
        )
        for name, accuracy, run in rows
    ]


def _goal(target: float | None, accuracy: Interval, run: Run) -> Goal | None:
    return None if target is None else judge_goal(target, accuracy, run.test.image_count)


def _runs(result: Comparison | Run) -> tuple[Run, ...]:
    return result.runs if isinstance(result, Comparison) else (result,)


def _chosen(result: Comparison | Run) -> Run:
    """The run that the details show: the best of its arm by validation, never by test."""
    return _best(result.with_collected.runs) if isinstance(result, Comparison) else result


def _best(runs: Sequence[Run]) -> Run:
    return min(runs, key=lambda run: run.val.log_loss)


def _figures(report: Report, chosen: Run) -> dict[str, dict[str, bytes]]:
    result = report.result
    if isinstance(result, Comparison):
        runs: dict[str, Sequence[Run]] = {
            WITHOUT: result.without.runs,
            WITH: result.with_collected.runs,
        }
        best = {name: _best(arm) for name, arm in runs.items()}
        scores = {
            arm.name: (arm.accuracy, [run.test.accuracy for run in arm.runs])
            for arm in (result.without, result.with_collected)
        }
    else:
        name = result.card.arm
        runs, best = {name: [result]}, {name: result}
        scores = {name: (run_accuracy(result), [result.test.accuracy])}
    return {
        "accuracy": figures.arms_with_intervals(scores, report.target),
        "loss": figures.learning_curve(runs, "loss"),
        "learning_accuracy": figures.learning_curve(runs, "accuracy"),
        "per_class": figures.per_class(best),
        "confusion": figures.confusion(chosen.test),
        "reliability": figures.reliability(chosen),
    }


def _band(interval: Interval) -> dict[str, float]:
    """Places in percent of an interval on a scale that is symmetric around zero."""
    reach = 1.15 * max(abs(interval.low), abs(interval.high), 0.02)
    values = {"low": interval.low, "estimate": interval.estimate, "high": interval.high}
    places = {name: 50 + 50 * value / reach for name, value in values.items()}
    return {**places, "width": places["high"] - places["low"], "reach": 100 * reach}


def _embedded(themes: Mapping[str, bytes], alternative: str) -> Markup:
    light, dark = (_data_url(themes[theme.name], "png") for theme in figures.THEMES)
    return Markup(  # both parts are our own base64, the text is escaped
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{html.escape(alternative)}" loading="lazy"></picture>'
    )


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
