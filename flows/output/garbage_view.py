"""The answer of `gc`: what is deleted, by URL and size, and what keeps the rest."""

from collections import Counter

from rich.console import RenderableType

from data_registry.text.wording import count_noun
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain_record
from flows.shared.tables import ROWS_SHOWN, build_table, format_counts
from flows.stages.collect_garbage import Garbage


def build_garbage_answer(found: Garbage, happened: str) -> Answer:
    """Build the answer of `gc`.

    Args:
        found: what goes.
        happened: "would go" or "went".
    """
    images, files = found.images.images, found.files
    shown: list[RenderableType] = []
    if images:
        drawn = build_table("bytes", "source", "why", wide=["source", "why"])
        for item in images[:ROWS_SHOWN]:
            drawn.add_row(f"{item.byte_count:,}", item.url, item.reason)
        shown.append(drawn)
    if len(images) > ROWS_SHOWN:
        shown.append(f"… and {len(images) - ROWS_SHOWN} more; --json shows all")
    reasons = Counter(file.reason for file in files)
    shown += [f"{count_noun(count, 'file')}: {reason}" for reason, count in sorted(reasons.items())]
    sizes = f"{found.byte_count:,} bytes"
    gone = f"{count_noun(len(images), 'image')} and {count_noun(len(files), 'file')}"
    shown.append(f"{gone} {happened}: {sizes}")
    shown.append(f"images kept: {format_counts(found.images.kept) or 'none'}")
    return Answer({**make_plain_record(found), "happened": happened}, shown)
