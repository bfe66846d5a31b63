"""The report: one self-contained HTML page, the answer first, and its figures as PNG files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_registry.storage.files import FileStore
from train.data.decoding import ReadImage
from train.experiments.arms import Arm, Comparison, compute_run_accuracy
from train.experiments.runs import Run
from train.reports import figures
from train.reports.card_document import Section
from train.reports.caveats import list_caveats
from train.reports.coarse import CoarseView
from train.reports.cost_figures import Dot, plot_accuracy_by_cost, plot_errors_by_coverage
from train.reports.explained import Explanation, explain_predictions
from train.reports.figure_style import LIGHT
from train.reports.model_table import ModelRow, compare_models
from train.reports.pictures import (
    ShownPrediction,
    render_contact_sheet,
    select_uncertain_predictions,
    select_wrong_predictions,
)
from train.reports.report_views import (
    build_arm_views,
    build_environment,
    choose_run,
    compute_band,
    select_best,
    write_headline,
)

_WRONG_SHOWN = 24
_DOUBTFUL_SHOWN = 12


@dataclass(frozen=True)
class ClassOriginCounts:
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


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report tells.

    Attributes:
        project: the project's name.
        version: the version's tag or hash, as people call it.
        result: a comparison of arms, or a single run.
        read: gives an image's encoded bytes.
        target: accuracy that the project wants, 0-1, or None.
        origins: where the training images came from, by class.
        facts: how the version was made: (name, value) pairs.
        models: every model trained on the version, in the order that was asked for.
        rank_by: what that order is.
        coarse: groups of classes, where the project has some.
        card: the model card of the run that is shown.
    """

    project: str
    version: str
    result: Comparison | Run
    read: ReadImage = field(repr=False)
    target: float | None = None
    origins: Sequence[ClassOriginCounts] = ()
    facts: Sequence[tuple[str, str]] = ()
    models: Sequence[ModelRow] = ()
    rank_by: str = "accuracy"
    coarse: CoarseView | None = None
    card: Sequence[Section] = ()


@dataclass(frozen=True)
class _Photos:
    wrong: Sequence[ShownPrediction]
    doubtful: Sequence[ShownPrediction]
    explained: Explanation


def write_report(files: FileStore, folder: str, report: Report) -> str:
    """Write ``folder/report.html`` and ``folder/figures/*.png``.

    Returns:
        The page's path, relative to the workspace.

    Raises:
        StorageError: the files cannot be written.
    """
    chosen = choose_run(report.result)
    photos = _Photos(
        select_wrong_predictions(chosen, report.read, _WRONG_SHOWN),
        select_uncertain_predictions(chosen, report.read, _DOUBTFUL_SHOWN),
        explain_predictions(files, chosen, report.read),
    )
    pictures = _plot_figures(report, chosen)
    sheets = {
        "wrong_predictions": photos.wrong,
        "doubtful_predictions": photos.doubtful,
        "grad_cam": photos.explained.items,
    }
    for name, themes in pictures.items():
        files.write(f"{folder}/figures/{name}.png", themes[LIGHT.name])
    for name, items in sheets.items():
        if items:
            files.write(f"{folder}/figures/{name}.png", render_contact_sheet(items))
    page = f"{folder}/report.html"
    files.write(page, _render_page(report, chosen, photos, pictures).encode())
    return page


def _render_page(
    report: Report, chosen: Run, photos: _Photos, pictures: Mapping[str, Mapping[str, bytes]]
) -> str:
    result = report.result
    comparison = result if isinstance(result, Comparison) else None
    reference, others = compare_models(report.models) if len(report.models) > 1 else (None, [])
    return (
        build_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            headline=write_headline(result),
            comparison=comparison,
            band=compute_band(comparison.difference.interval) if comparison else None,
            arms=build_arm_views(result, report.target),
            runs=_list_runs(result),
            chosen=chosen,
            photos=photos,
            wrong_count=chosen.test.image_count - chosen.test.correct_count,
            pictures=pictures,
            cautions=list_caveats(result, chosen, report.origins, len(report.models)),
            own={run.card.run_id for run in _list_runs(result)},
            reference=reference,
            duels=others,
        )
    )


def _list_runs(result: Comparison | Run) -> tuple[Run, ...]:
    return result.runs if isinstance(result, Comparison) else (result,)


def _plot_figures(report: Report, chosen: Run) -> dict[str, dict[str, bytes]]:
    result = report.result
    if isinstance(result, Comparison):
        runs: dict[str, Sequence[Run]] = {
            Arm.WITHOUT: result.without.runs,
            Arm.WITH: result.with_collected.runs,
        }
        scores = {
            arm.name.value: (arm.accuracy, [run.test.accuracy for run in arm.runs])
            for arm in (result.without, result.with_collected)
        }
    else:
        name = result.card.arm
        runs = {name: [result]}
        scores = {name: (compute_run_accuracy(result), [result.test.accuracy])}
    best = {name: select_best(arm) for name, arm in runs.items()}
    found = {
        "accuracy": figures.plot_accuracies(scores, report.target),
        "loss": figures.plot_learning_curve(runs, "loss"),
        "learning_accuracy": figures.plot_learning_curve(runs, "accuracy"),
        "per_class": figures.plot_class_recall(best),
        "confusion": figures.plot_confusion(chosen.test),
        "reliability": figures.plot_reliability(chosen),
        "risk_coverage": plot_errors_by_coverage(best),
    }
    if len(report.models) > 1:
        own = {run.card.run_id for run in _list_runs(result)}
        found["accuracy_against_cost"] = plot_accuracy_by_cost(
            [build_dot(row, row.run.card.run_id in own) for row in report.models], report.target
        )
    return found


def build_dot(row: ModelRow, is_own: bool) -> Dot:
    """Build the figure's dot for a row of the table."""
    return Dot(row.recipe.name, row.accuracy, row.cost, is_own)
