"""The page of a labelling round: gather, render, write."""

from dataclasses import dataclass

from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.text.hashes import shorten_hash
from flows.config.workspace import Workspace
from flows.reports.labelling.labelling_page import LabelPage, render_page
from flows.reports.labelling.sheets import select_sheets
from flows.reports.paths import REPORTS, get_shown_path
from labeling.diagnostics.reliability import build_out_of_fold
from labeling.diagnostics.thresholds import compute_thresholds
from labeling.forecast.forecast import build_forecast
from labeling.forecast.learning_curve import measure_learning_curve
from labeling.rounds.label import DecidedRound, LabelSummary, build_policy, compute_round_caps
from labeling.rounds.label_settings import LabelSettings


@dataclass(frozen=True)
class LabelledRound(LabelSummary):
    """A round's summary, and where its page lies.

    Attributes:
        page: a full path where the workspace is local.
    """

    page: str


def write_label_page(
    workspace: Workspace,
    labelled: DecidedRound,
    settings: LabelSettings,
    progress: Progress | None = None,
) -> LabelledRound:
    """Write ``reports/labelling-TEACHER/labelling.html``.

    Args:
        workspace: the project.
        labelled: the round.
        settings: that it was decided with.
        progress: told of every head of the learning curve, and of every thumbnail.

    Raises:
        StorageError: the page cannot be written.
    """
    registry, progress = workspace.registry, progress or SilentProgress()
    found, summary = labelled.round, labelled.summary
    with report_phase(progress, "trying every threshold", None):
        policy = build_policy(found, settings)
        thresholds = compute_thresholds(
            found, policy, labelled.decisions, compute_round_caps(found, settings)
        )
    curve = measure_learning_curve(found.labelled, found.labelled_features, progress)
    page = LabelPage(
        project=workspace.project.project.name,
        summary=summary,
        policy=policy.words,
        thresholds=thresholds,
        sheets=select_sheets(thresholds, labelled.decisions, registry.find_present_images()),
        out_of_fold=build_out_of_fold(found),
        forecast=None if curve is None else build_forecast(curve),
    )
    path = f"{REPORTS}/labelling-{shorten_hash(summary.teacher_id)}/labelling.html"
    registry.files.write(path, render_page(registry, page, progress).encode())
    return LabelledRound(**vars(summary), page=get_shown_path(registry, path))
