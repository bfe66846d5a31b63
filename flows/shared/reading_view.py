"""Lines for people about an import: what was not read, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from data_registry.ingest.folder_walk import UnreadEntry, describe_unread_entries
from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.vocabulary import Split
from flows.shared.tables import build_notices, format_counts

if TYPE_CHECKING:
    from data_registry.ingest.importing import ImportSummary

_PAIRS = 5  # named in a line


def describe_reading(images: ImportSummary) -> list[Text]:
    """Describe how folder names were read where that is not obvious, and what was not read."""
    return [*build_notices(images.notes), *build_notices(describe_unread_entries(images.not_read))]


def describe_recorded_reading(images: Mapping[str, Any]) -> list[str]:
    """Describe the same of an import that a flow recorded as plain values."""
    not_read = [UnreadEntry(**entry) for entry in images["not_read"]]
    return [*images["notes"], *describe_unread_entries(not_read)]


def describe_warnings(imported: Mapping[str, Any]) -> list[str]:
    """Describe what a person must know first: splits without images, and images without a class.

    Args:
        imported: a `flows.stages.stages.Imported` as plain values.
    """
    return [*_describe_missing_splits(imported), *_describe_conflicts(imported)]


def _describe_missing_splits(imported: Mapping[str, Any]) -> list[str]:
    """Say that nothing can be measured without test images, or learnt without train images."""
    tag, splits = imported["version"]["tag"], imported["version"]["card"]["splits"]
    lines = []
    if not splits.get(Split.TEST):
        groups = imported["groups"]
        lines.append(
            f"{tag} has no test images, so nothing can be measured. Duplicates stay in one split, "
            f"and the largest group holds {groups['largest']} of "
            f"{count_noun(groups['images'], 'image')}: `ephyra groups` lists the groups to check, "
            "and `ephyra audit DIR` compares pixels"
        )
    if not splits.get(Split.TRAIN):
        lines.append(f"{tag} has no train images, so no model can learn: import some")
    return lines


def _describe_conflicts(imported: Mapping[str, Any]) -> list[str]:
    """Say how many labelled images are in no version, since a person must decide their class."""
    conflicts = imported["conflicts"]
    count = sum(conflicts.values())
    if not count:
        return []
    classes = "; ".join(f"{names}: {each:,}" for names, each in list(conflicts.items())[:_PAIRS])
    more = "; …" if len(conflicts) > _PAIRS else ""
    words = (
        f"{count_noun(count, 'labelled image')}, imported under several classes ({classes}{more}), "
        f"{choose_verb_form(count, 'is', 'are')} in no version until a person decides: "
        "`ephyra review`"
    )
    changes = imported["changes"]
    if not changes or not changes["undecided"]:
        return [words]
    left = changes["undecided"]
    return [f"{words}. Of {changes['since']}, {sum(left.values()):,} leave: {format_counts(left)}"]
