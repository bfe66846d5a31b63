"""The answer of `ephyra audit`: one screen, the worst groups first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from data_registry.text.file_names import escape_file_name
from data_registry.text.wording import count_noun
from flows.folder_audit.audit_files import get_table_path
from flows.folder_audit.headline import describe_duplicates, format_headline
from flows.output.answer import Answer
from flows.shared.reading_view import describe_reading
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_notices, build_table, format_counts

if TYPE_CHECKING:
    from flows.folder_audit.accuracy import Accuracy, Measured
    from flows.folder_audit.audit_stage import FolderAudit
    from flows.folder_audit.folder_duplicates import FolderDuplicates

GROUPS_SHOWN = 5


def build_audit_answer(audit: FolderAudit, page: Path) -> Answer:
    """Build the answer of `audit`; exit code 1 if val or test share images with another split."""
    copies, images = audit.copies, audit.images
    named = {split: count for split, count in audit.splits.items() if split}
    table_file = get_table_path(page)
    shown: list[RenderableType] = [
        Text(format_headline(audit), style="bold"),
        f"{count_noun(copies.files, 'image')} of {count_noun(len(images.classes), 'class')}"
        + (f": {format_counts(named)}" if named else ", without splits"),
        *describe_reading(images),
        *build_notices([f"cannot be read: {path}: {why}" for path, why in images.unreadable]),
        *_format_duplicates(copies),
        *(
            f"named like {pattern}: {count_noun(count, 'pair')}"
            for pattern, count in audit.patterns.items()
        ),
        *(
            _format_accuracies(audit.measured, has_duplicates=audit.copies.families > 0)
            if audit.measured
            else [_NOT_MEASURED]
        ),
        f"looked for by {audit.detectors}",
        *_format_unconfirmed(audit.unconfirmed),
        f"page: {escape_file_name(str(page))}",
        f"table: {escape_file_name(str(table_file))}",
        "next: `ephyra init NAME` starts a project that keeps duplicates out of val and test",
    ]
    files = {"page": escape_file_name(str(page)), "table": escape_file_name(str(table_file))}
    return Answer({**make_plain(audit), **files}, shown, yes=not copies.leaked)


def _format_unconfirmed(count: int) -> list[str]:
    pairs = "1 pair has" if count == 1 else f"{count} pairs have"
    return [f"{pairs} similar hashes but different pixels: no duplicates"] if count else []


_NOT_MEASURED = "for accuracies and doubtful labels add --weights FILE and --backbone NAME"


def _format_duplicates(copies: FolderDuplicates) -> list[RenderableType]:
    groups = count_noun(copies.families, "group")
    lines: list[RenderableType] = [f"{groups} of duplicates with {copies.in_families} files"]
    if copies.held_out:
        lines.append(describe_duplicates(copies))
    across = [group for group in copies.groups if group.across_splits or group.across_classes]
    if across:
        drawn = build_table("files", "splits", "classes", "such as", wide=["classes", "such as"])
        for group in across[:GROUPS_SHOWN]:
            named = format_counts({split: n for split, n in group.splits.items() if split})
            first, last = group.files[0].path, group.files[-1].path
            classes = ", ".join(group.classes)
            drawn.add_row(str(len(group.files)), named, classes, f"{first}, {last}")
        lines.append(drawn)
        if len(across) > GROUPS_SHOWN:
            lines.append(f"… and {len(across) - GROUPS_SHOWN} more such groups; the table has all")
    if several := copies.groups_across_classes:
        lines.append(f"{count_noun(len(several), 'group')} with files in several classes")
    return lines


def _format_accuracies(measured: Measured, *, has_duplicates: bool) -> list[RenderableType]:
    drawn = build_table("measured by", "accuracy", "95 % interval", "images", "groups")
    for name, accuracy in (
        ("random 5-fold, as in most scripts", measured.random),
        ("grouped 5-fold, duplicates kept together", measured.grouped),
        ("the given split", measured.given),
        ("the given split without its leaks", measured.given_without_leaks),
    ):
        if accuracy:
            drawn.add_row(name, *_format_figures(accuracy))
    words = f"{len(measured.doubtful)} labels look wrong; the page shows the worst"
    if not has_duplicates:
        none = "no duplicates were found: the two cross-validations differ by their deal alone"
        return [drawn, none, words]
    return [drawn, words]


def _format_figures(accuracy: Accuracy) -> tuple[str, str, str, str]:
    at = accuracy.interval
    spread = f"{100 * at.low:.1f} to {100 * at.high:.1f}"
    return f"{100 * at.estimate:.1f} %", spread, str(accuracy.images), str(accuracy.groups)
