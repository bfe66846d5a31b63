"""What a labelled set's folder held besides the images that were read: lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from data_registry.folder_walk import not_read_in_words
from flows.tables import notices

if TYPE_CHECKING:
    from data_registry.importing import ImportSummary


def reading_lines(images: ImportSummary) -> list[Text]:
    """How names were read where that is worth a look, and what was not read."""
    return [*notices(images.notes), *notices(not_read_in_words(images.not_read))]
