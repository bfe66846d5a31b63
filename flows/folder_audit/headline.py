"""The audit's main finding as one line, for the page and the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.folder_audit.audit_stage import FolderAudit
    from flows.folder_audit.folder_duplicates import FolderDuplicates


def format_headline(audit: FolderAudit) -> str:
    """Format how much duplicates inflate accuracy, or where not measured, how many there are."""
    measured = audit.measured
    if measured is None or not audit.copies.families:
        return describe_duplicates(audit.copies)
    with_copies, without = (
        f"{100 * each.interval.estimate:.0f} %" for each in (measured.random, measured.grouped)
    )
    if with_copies == without:
        return f"Accuracy {without}, with duplicates across folds or without."
    return f"Accuracy {with_copies} with duplicates across folds, {without} without."


def describe_duplicates(copies: FolderDuplicates) -> str:
    """Describe how many duplicates there are across splits, or in all."""
    if copies.leaked:
        return (
            f"{copies.leaked:,} of {copies.held_out:,} val and test images have a duplicate in "
            "another split."
        )
    if copies.held_out:
        return "No duplicates were found across the splits."
    if copies.families:
        return f"{copies.in_families:,} of {copies.files:,} files are duplicates of each other."
    return "No duplicates were found."
