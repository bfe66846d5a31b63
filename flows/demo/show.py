"""The demo's answer: one table that fits a screen."""

from rich.console import RenderableType
from rich.table import Table

from collectors.ledger import CollectSummary
from collectors.outcomes import Outcome
from data_registry.versions.published_versions import Version
from data_registry.vocabulary import Verdict
from flows.demo.tour import Demo
from flows.output.answer import Answer
from flows.output.flow_view import read_result
from flows.output.train_view import summarise_outcome
from flows.output.version_view import summarise_version
from flows.shared.serialisation import make_plain
from flows.shared.tables import format_counts
from flows.training.model_results import ModelResult

_KEPT = (Outcome.STORED, Outcome.KNOWN)


def build_demo_answer(demo: Demo) -> Answer:
    """Build one table: found, stored, duplicates, decisions, and whether the data helped."""
    rows = dict(_build_rows(demo))
    table = Table(title="A made-up bay", title_justify="left", box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    step = "next, with your own photos: `ephyra audit DIR`, or `ephyra init NAME`"
    shown: list[RenderableType] = [table, step]
    return Answer({**make_plain(demo), "table": rows}, shown)


def _build_rows(demo: Demo) -> list[tuple[str, str]]:
    found = demo.found
    (collected,) = read_result(found["collect"]["providers"], tuple[CollectSummary, ...])
    (result,) = read_result(found["train"]["comparisons"], tuple[ModelResult, ...])
    outcomes, label = collected.outcomes, found["label"]
    refused = {name: count for name, count in outcomes.items() if name not in _KEPT}
    reasons = label["reasons"]
    return [
        ("found", f"{sum(outcomes.values())} candidates in a gallery on loopback"),
        ("stored", f"{outcomes.get(Outcome.STORED, 0)} images"),
        (
            "duplicates",
            f"{outcomes.get(Outcome.KNOWN, 0)} same bytes, "
            f"{reasons.get('copy', 0)} near-duplicates",
        ),
        ("not usable", format_counts(refused)),
        ("accepted", f"{label['verdicts'].get(Verdict.ACCEPTED, 0)} by the teacher at 0.95"),
        ("for review", str(label["verdicts"].get(Verdict.REVIEW, 0))),
        (
            "rejected",
            format_counts({why: count for why, count in reasons.items() if _is_rejection(why)}),
        ),
        ("version", summarise_version(read_result(found["merge"], Version))),
        ("accuracy without", f"{result.accuracy_without} ({result.train_without} images)"),
        ("accuracy with", f"{result.accuracy_with} ({result.train_with} images)"),
        *([("to settle it", result.settling)] if result.settling else []),
        ("did it help?", summarise_outcome(result)),
        ("accepted correctly", _format_precision(demo)),
        ("the teacher", _describe_teacher(demo)),
        ("report", result.report),
        ("seconds", _format_seconds(demo)),
    ]


def _is_rejection(reason: str) -> bool:
    return reason in {"copy", "unlike-labelled"}


def _format_seconds(demo: Demo) -> str:
    stages = ", ".join(f"{name} {value:.0f}" for name, value in demo.found["seconds"].items())
    parts = ", ".join(f"{name} {value:.0f}" for name, value in demo.seconds.items())
    return f"{parts} ({stages})"


def _format_precision(demo: Demo) -> str:
    if demo.precision is None:
        return "nothing was accepted"
    low, high = 100 * demo.precision.low, 100 * demo.precision.high
    return (
        f"{demo.right} of {demo.accepted} ({100 * demo.precision.estimate:.1f} %, 95 % interval "
        f"{low:.1f} to {high:.1f}), by the bay's known truth"
    )


def _describe_teacher(demo: Demo) -> str:
    return (
        "no pretrained weights offline: a small EfficientNetV2 was trained on drawn shapes "
        f"({100 * demo.backbone.accuracy:.0f} % of them right), then on the labelled images"
    )
