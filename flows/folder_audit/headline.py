"""The audit in one line, and what it rests on: for the page and for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.folder_audit.audit_stage import FolderAudit
    from flows.folder_audit.folder_duplicates import Copies


def headline(audit: FolderAudit) -> str:
    """How much duplicates inflate accuracy where it was measured, else what they do to splits."""
    measured = audit.measured
    if measured is None or not audit.copies.families:
        return copies_in_words(audit.copies)
    with_copies, without = (
        f"{100 * each.interval.estimate:.0f} %" for each in (measured.random, measured.grouped)
    )
    if with_copies == without:
        return f"{without} accuracy, with copies on both sides or without."
    return f"{with_copies} with copies on both sides, {without} without."


def copies_in_words(copies: Copies) -> str:
    """What copies do to the splits."""
    if copies.leaked:
        return (
            f"{copies.leaked:,} of {copies.held_out:,} val and test images have a copy in another "
            "split."
        )
    if copies.held_out:
        return "No copy was found across the splits."
    if copies.families:
        return f"{copies.in_families:,} of {copies.files:,} files are copies of each other."
    return "No copies were found."
