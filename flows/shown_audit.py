"""What `ephyra audit` shows: one screen, the worst first."""

from pathlib import Path

from rich.console import RenderableType

from data_registry.file_names import text_of
from flows.commands.answer import Answer
from flows.folder_audit.accuracy import Accuracy, Measured
from flows.folder_audit.copies import Copies
from flows.folder_audit.stage import FolderAudit
from flows.plain import plain
from flows.shown_reading import reading_lines
from flows.tables import counted, notices, table

PAIRS_SHOWN = 5


def audit_answer(audit: FolderAudit, page: Path) -> Answer:
    """After `audit`; the exit code is 1 where val or test share photographs with another split."""
    copies, images = audit.copies, audit.images
    named = {split: count for split, count in audit.splits.items() if split}
    shown: list[RenderableType] = [
        f"{copies.files} images of {len(images.classes)} classes"
        + (f": {counted(named)}" if named else ", without splits"),
        *reading_lines(images),
        *notices([f"cannot be read: {path}: {why}" for path, why in images.unreadable]),
        *_copy_lines(copies),
        *(f"named like {pattern}: {count} pairs" for pattern, count in audit.patterns.items()),
        *(_measured(audit.measured) if audit.measured else [_NOT_MEASURED]),
        f"looked for by {audit.detectors}",
        f"page: {text_of(str(page))}",
        "next: `ephyra init NAME` begins a project that keeps copies out of val and test",
    ]
    return Answer({**plain(audit), "page": text_of(str(page))}, shown, yes=not copies.leaked)


_NOT_MEASURED = "accuracies and doubtful labels: give --weights FILE and --backbone NAME"


def _copy_lines(copies: Copies) -> list[RenderableType]:
    lines: list[RenderableType] = [
        f"{copies.families} families of copies with {copies.in_families} files"
    ]
    if copies.held_out:
        lines.append(
            f"{copies.leaked} of {copies.held_out} val and test images have a copy in another split"
        )
    if copies.across_splits:
        drawn = table("copy", "of", "found by", "distance", wide=["copy", "of"])
        for pair in copies.across_splits[:PAIRS_SHOWN]:
            facts = pair.method, f"{pair.distance:.3g}"
            drawn.add_row(pair.second.path, pair.first.path, *facts)
        lines.append(drawn)
    if copies.across_classes:
        lines.append(f"{len(copies.across_classes)} pairs of copies stand under two classes")
    return lines


def _measured(measured: Measured) -> list[RenderableType]:
    drawn = table("measured by", "accuracy", "95 % interval", "images", "groups")
    for name, accuracy in (
        ("random 5-fold, as most scripts split", measured.random),
        ("grouped 5-fold, copies kept together", measured.grouped),
        ("the given split", measured.given),
        ("the given split without its leaks", measured.given_without_leaks),
    ):
        if accuracy:
            drawn.add_row(name, *_figures(accuracy))
    return [drawn, f"{len(measured.doubtful)} labels look doubtful; the page shows the worst"]


def _figures(accuracy: Accuracy) -> tuple[str, str, str, str]:
    at = accuracy.interval
    spread = f"{100 * at.low:.1f} to {100 * at.high:.1f}"
    return f"{100 * at.estimate:.1f} %", spread, str(accuracy.images), str(accuracy.groups)
