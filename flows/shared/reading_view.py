"""What a labelled set's folder held besides the images that were read: lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from data_registry.ingest.folder_walk import UnreadEntry, describe_unread_entries
from flows.shared.tables import notices

if TYPE_CHECKING:
    from data_registry.ingest.importing import ImportSummary


def reading_lines(images: ImportSummary) -> list[Text]:
    """How names were read where that is worth a look, and what was not read."""
    return [*notices(images.notes), *notices(describe_unread_entries(images.not_read))]


def recorded_reading(images: Mapping[str, Any]) -> list[str]:
    """The same of an import that a flow has recorded as plain values."""
    not_read = [UnreadEntry(**entry) for entry in images["not_read"]]
    return [*images["notes"], *describe_unread_entries(not_read)]
