"""Two runs side by side on one self-contained page: which is better comes first."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from data_registry.storage.files import FileStore
from data_registry.text.hashes import LEAST_PREFIX, shorten_hash
from train.data.decoding import ReadImage
from train.evaluation.conclusions import (
    BETTER,
    CANNOT_TELL,
    WORSE,
    Goal,
    describe_difference,
    list_size_warnings,
)
from train.evaluation.intervals import Difference
from train.evaluation.power import DetectionLimit, compute_detection_limit
from train.evaluation.significance import McNemar
from train.experiments.runs import Run
from train.reports import figures
from train.reports.cost_figures import plot_accuracy_by_cost, plot_errors_by_coverage
from train.reports.figure_style import LIGHT
from train.reports.model_table import (
    ModelRow,
    build_model_table,
    compute_difference,
    judge_pair,
    run_mcnemar,
)
from train.reports.pictures import attach_thumbnails, render_contact_sheet
from train.reports.report import build_dot
from train.reports.report_views import build_environment, compute_band, judge_optional_goal

_PHOTOS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two runs and which is better.

    Attributes:
        first, second: a line each.
        difference: accuracy of the second less that of the first.
        mcnemar: the exact test of the second against the first.
        answer: the second is better, worse, or cannot tell.
        sentence: the answer's numbers in words.
        settling: what would settle it.
    """

    first: ModelRow
    second: ModelRow
    difference: Difference
    mcnemar: McNemar
    answer: str
    sentence: str
    settling: DetectionLimit

    @property
    def headline(self) -> str:
        """The answer in a few words."""
        first, second = (row.recipe.name for row in (self.first, self.second))
        return {
            BETTER: f"{second} is better than {first}",
            WORSE: f"{first} is better than {second}",
            CANNOT_TELL: f"No measurable difference yet between {first} and {second}",
        }[self.answer]


@dataclass(frozen=True)
class PairReport:
    """What the page tells.

    Attributes:
        project: the project's name.
        pair: see there.
        read: gives an image's encoded bytes.
        target: accuracy that the project wants, 0-1, or None.
    """

    project: str
    pair: Pair
    read: ReadImage = field(repr=False)
    target: float | None = None


def compare_pair(files: FileStore, first: Run, second: Run) -> Pair:
    """Compare two runs on the test images that both were read on; nothing is read again.

    Raises:
        InputError: they were tested on different images or classes.
        StorageError: a run's weights are not there.
    """
    test = run_mcnemar(second, first)
    (before,), (after,) = (build_model_table(files, [run], "accuracy") for run in (first, second))
    difference = compute_difference(after.recipe, before.recipe)
    groups = second.get_test_predictions()["group"].nunique()
    return Pair(
        first=before,
        second=after,
        difference=difference,
        mcnemar=test,
        answer=judge_pair(difference, test.p_value),
        sentence=describe_difference(difference, second.test.image_count, 1),
        settling=compute_detection_limit(second.test.image_count, groups, difference),
    )


def write_pair_report(files: FileStore, folder: str, report: PairReport) -> str:
    """Write ``folder/report.html`` and ``folder/figures/*.png``.

    Returns:
        The page's path, relative to the workspace.

    Raises:
        StorageError: the files cannot be written.
    """
    pair = report.pair
    won, lost = (
        _select_won(pair.second.run, pair.first.run),
        _select_won(pair.first.run, pair.second.run),
    )
    photos = {
        "won": attach_thumbnails(won, report.read),
        "lost": attach_thumbnails(lost, report.read),
    }
    pictures = _plot_figures(pair, report.target)
    for name, themes in pictures.items():
        files.write(f"{folder}/figures/{name}.png", themes[LIGHT.name])
    for name, items in photos.items():
        if items:
            files.write(f"{folder}/figures/{name}.png", render_contact_sheet(items))
    page = (
        build_environment()
        .get_template("pair.html.j2")
        .render(
            report=report,
            pair=pair,
            rows=(pair.first, pair.second),
            goals=_judge_goals(pair, report.target),
            band=compute_band(pair.difference.interval),
            pictures=pictures,
            photos=photos,
            cautions=_list_caveats(pair),
        )
    )
    files.write(f"{folder}/report.html", page.encode())
    return f"{folder}/report.html"


def _select_won(winner: Run, loser: Run) -> pd.DataFrame:
    """Select images that only the winner gets right: the loser's rows, surest errors first."""
    ours, theirs = winner.get_test_predictions(), loser.get_test_predictions()
    won = (ours["true"] == ours["predicted"]) & (theirs["true"] != theirs["predicted"])
    return theirs[won].sort_values("confidence", ascending=False).head(_PHOTOS_SHOWN)


def _judge_goals(pair: Pair, target: float | None) -> Sequence[Goal | None]:
    return [
        judge_optional_goal(target, row.accuracy, row.test.image_count)
        for row in (pair.first, pair.second)
    ]


def _plot_figures(pair: Pair, target: float | None) -> dict[str, dict[str, bytes]]:
    runs = {_label_row(row): row.run for row in (pair.first, pair.second)}
    curves = {name: [run] for name, run in runs.items()}
    rows = (pair.first, pair.second)
    scores = {_label_row(row): (row.accuracy, [row.test.accuracy]) for row in rows}
    return {
        "accuracy": figures.plot_accuracies(scores, target),
        "accuracy_against_cost": plot_accuracy_by_cost(
            [build_dot(row, row is pair.second) for row in rows], target
        ),
        "loss": figures.plot_learning_curve(curves, "loss"),
        "learning_accuracy": figures.plot_learning_curve(curves, "accuracy"),
        "per_class": figures.plot_class_recall(runs),
        "confusion_first": figures.plot_confusion(pair.first.test),
        "confusion_second": figures.plot_confusion(pair.second.test),
        "risk_coverage": plot_errors_by_coverage(runs),
    }


def _label_row(row: ModelRow) -> str:
    """Told apart by the run, since two runs of one model may differ in a setting alone."""
    return f"{row.recipe.name} ({shorten_hash(row.run.card.run_id, LEAST_PREFIX)})"


def _list_caveats(pair: Pair) -> list[str]:
    found = list(list_size_warnings(pair.settling))
    if pair.answer == CANNOT_TELL:
        found.append(
            "“Cannot tell” does not mean “no difference”: every difference within the interval is "
            "still possible."
        )
    found.append(
        "One run of each model is compared. The interval does not include the variation between "
        "seeds. `ephyra train` compares arms over at least three seeds."
    )
    if pair.first.recipe.card.version != pair.second.recipe.card.version:
        found.append(
            "The runs were trained on different versions of the data, so either the model or the "
            "data may explain the difference."
        )
    return found
