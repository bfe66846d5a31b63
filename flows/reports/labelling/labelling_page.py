"""The page: one self-contained HTML file whose slider moves the threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.vocabulary import Verdict
from flows.reports.html_pages import build_thumbnails, create_environment
from flows.reports.labelling.charts import Chart, round_down_to_tenth
from flows.reports.labelling.sheets import Sheets
from labeling.diagnostics.reliability import (
    OutOfFold,
    RiskCoveragePoint,
    compute_bin_calibration_error,
    compute_reliability_bins,
    compute_risk_coverage,
)
from labeling.diagnostics.thresholds import Step, Thresholds
from labeling.forecast.forecast import Forecast
from labeling.rounds.label import LabelSummary

LABELS_SHOWN = 18
ROWS_SHOWN = 9  # of the table of thresholds
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class LabelPage:
    """The content of the page.

    Attributes:
        project: the project's name.
        summary: what was decided.
        policy: in words.
        thresholds: all of them.
        sheets: the images shown.
        out_of_fold: what the labelled images say of the teacher.
        forecast: None where too few images are labelled.
    """

    project: str
    summary: LabelSummary
    policy: str
    thresholds: Thresholds
    sheets: Sheets
    out_of_fold: OutOfFold
    forecast: Forecast | None


def render_page(registry: Registry, page: LabelPage, progress: Progress) -> str:
    """Render the page as HTML; an image whose bytes are gone leaves its place empty.

    Args:
        registry: stores the bytes.
        page: the content.
        progress: told of every thumbnail.
    """
    doubtful = page.summary.doubtful[:LABELS_SHOWN]
    shown = (page.sheets.candidates, page.sheets.rejected, doubtful)
    names = [item.sha256 for items in shown for item in items]
    pictures = build_thumbnails(registry, names, progress)
    templates = create_environment(_TEMPLATES)
    templates.filters["picture"] = lambda sha256: pictures[sha256]
    templates.filters["points"] = lambda share: f"{100 * share:.1f}"
    thresholds = page.thresholds
    return templates.get_template("labelling.html.j2").render(
        about=page,
        summary=page.summary,
        fold=page.summary.card["out_of_fold"],
        standing=thresholds.steps[thresholds.standing],
        rows=_select_steps(thresholds),
        doubtful=doubtful,
        slider=_build_slider(page),
        reliability=_build_reliability(page.out_of_fold),
        trade=_build_risk_coverage(page),
        forecast=page.forecast,
        learning=_create_learning_chart(page.forecast),
    )


def _build_slider(page: LabelPage) -> Mapping[str, object]:
    """Build the values that the page's JavaScript reads."""
    thresholds = page.thresholds
    return {
        "steps": [_describe_step(step, page.summary.pool) for step in thresholds.steps],
        "standing": thresholds.standing,
        "most": dict(thresholds.most),
        "estimated": thresholds.estimated,
        "waiting": page.summary.pool - page.summary.verdicts.get(Verdict.REJECTED, 0),
    }


def _describe_step(step: Step, pool: int) -> Mapping[str, object]:
    return {
        "threshold": step.threshold,
        "count": step.count,
        "classes": dict(step.accepted),
        "precision": step.precision,
        "low": step.low,
        "high": step.high,
        "x": _create_coverage_chart(1.0).x(step.count / max(pool, 1)),
    }


def _select_steps(thresholds: Thresholds) -> list[Step]:
    """Select some steps for the table, the current one among them."""
    last, standing = len(thresholds.steps) - 1, thresholds.standing
    places = {round(number * last / (ROWS_SHOWN - 1)) for number in range(ROWS_SHOWN)}
    return [thresholds.steps[place] for place in sorted({*places, standing} - {0})]


def _build_reliability(labelled: OutOfFold) -> Mapping[str, object]:
    after = compute_reliability_bins(labelled.confidence, labelled.right, labelled.weights)
    before = compute_reliability_bins(labelled.uncalibrated, labelled.right, labelled.weights)
    edges = [min(item.confidence, item.low) for item in (*before, *after)]
    low = round_down_to_tenth(edges)
    return {
        "chart": Chart(low, 1.0, low, 1.0),
        "before": before,
        "after": after,
        "error_before": compute_bin_calibration_error(before),
        "error_after": compute_bin_calibration_error(after),
    }


def _create_coverage_chart(highest_risk: float) -> Chart:
    return Chart(0.0, 1.0, 0.0, highest_risk)


def _build_risk_coverage(page: LabelPage) -> Mapping[str, object]:
    """Build risk against coverage: labelled images out of fold, and the estimated pool."""
    labelled = compute_risk_coverage(
        page.out_of_fold.confidence, page.out_of_fold.right, page.out_of_fold.weights
    )
    pool = _estimate_trades(page) if page.thresholds.estimated else ()
    risks = [trade.risk for trade in (*labelled, *pool)]
    highest = max(0.1, *risks) if risks else 0.1
    return {
        "chart": _create_coverage_chart(min(highest * 1.05, 1.0)),
        "labelled": _list_points(labelled),
        "pool": _list_points(pool),
        "allowed": 1 - page.summary.target,
    }


def _estimate_trades(page: LabelPage) -> Sequence[RiskCoveragePoint]:
    pool = max(page.summary.pool, 1)
    return [
        RiskCoveragePoint(step.count / pool, 1 - step.precision)
        for step in page.thresholds.steps
        if step.precision is not None
    ]


def _list_points(trades: Sequence[RiskCoveragePoint]) -> list[tuple[float, float]]:
    return [(trade.coverage, trade.risk) for trade in trades]


def _create_learning_chart(forecast: Forecast | None) -> Chart | None:
    if forecast is None:
        return None
    points = forecast.points
    answers = forecast.answers
    low = round_down_to_tenth([point.low for point in points])
    return Chart(0.0, 1.08 * (answers.now + answers.more), low, 1.0)
