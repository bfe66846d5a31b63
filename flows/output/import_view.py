"""The answer of `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType

from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.vocabulary import Split
from flows.output.answer import Answer
from flows.output.group_view import format_groups
from flows.output.version_view import format_version
from flows.shared.reading_view import describe_reading, describe_warnings
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_notice, build_notices, format_counts

if TYPE_CHECKING:
    from data_registry.ingest.importing import ImportSummary
    from flows.stages.import_changes import ImportChanges
    from flows.stages.stages import Imported


def build_import_answer(imported: Imported) -> Answer:
    """Build the answer of `import`: exit code 1 where the version has no test images."""
    images, data = imported.images, make_plain(imported)
    left_out = [f"left out {path}: {why}" for path, why in images.unreadable]
    conflicting = [f"imported under several classes: {path}" for path in images.conflicting]
    shown: list[RenderableType] = [
        *build_notices(describe_warnings(data)),
        _format_import(images),
        *describe_reading(images),
        *build_notices(left_out),
        *build_notices(conflicting),
        *format_groups(imported.groups),
        *format_version(imported.version),
        *(_format_changes(imported.changes) if imported.changes else ()),
        f"what can be measured: {imported.test_set}",
    ]
    return Answer(data, shown, yes=imported.version.card["splits"].get(Split.TEST, 0) > 0)


def _format_import(images: ImportSummary) -> str:
    """Format the numbers of files, images and new images, and explain each difference."""
    copies = images.files - len(images.unreadable) - images.images
    known = images.images - images.new
    reasons = [
        f"{count_noun(count, 'file')} {words}"
        for count, words in (
            (copies, f"{choose_verb_form(copies, 'has', 'have')} the same bytes as another"),
            (len(images.unreadable), "left out"),
        )
        if count
    ]
    words = [f"read {count_noun(images.files, 'file')}", *reasons] if reasons else []
    classes = count_noun(len(images.classes), "class")
    size = f"imported {count_noun(images.images, 'image')} of {classes}"
    before = f", {known:,} known before" if known else ""
    return "; ".join([*words, f"{size}, {images.new:,} new{before}"])


def _format_changes(changes: ImportChanges) -> list[RenderableType]:
    added = format_counts({split: count for split, count in changes.added.items() if count})
    relabelled = f"; {changes.relabelled} relabelled" if changes.relabelled else ""
    lines: list[RenderableType] = [f"since {changes.since}: {added or 'none'} added{relabelled}"]
    if changes.new_classes:
        lines.append(f"new classes: {', '.join(changes.new_classes)}")
    if changes.removed:
        lines.append(build_notice(f"no longer in a split: {format_counts(changes.removed)}"))
    if changes.stayed:
        why = "a split is permanent; once trained on, an image can never enter val or test"
        lines.append(build_notice(f"{format_counts(changes.stayed)}: {why}"))
    return lines
