"""The page of an audit: one self-contained HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING

from data_registry.progress import Progress
from data_registry.registry import Registry
from flows.folder_audit.copies import Pair
from flows.html_pages import environment, thumbnails

if TYPE_CHECKING:
    from flows.folder_audit.stage import FolderAudit

PAIRS_SHOWN = 48
LABELS_SHOWN = 36
_TEMPLATES = Path(__file__).parent / "templates"


def render(registry: Registry, audit: "FolderAudit", progress: Progress) -> str:
    """The page as HTML.

    Args:
        registry: where the images are.
        audit: what was found.
        progress: told of every thumbnail.
    """
    copies = audit.copies
    sections = {
        "Copies across splits": copies.across_splits[:PAIRS_SHOWN],
        "Copies across classes": copies.across_classes[:PAIRS_SHOWN],
        "Copies within a split": _within(copies.pairs)[:PAIRS_SHOWN],
    }
    doubtful = audit.measured.doubtful[:LABELS_SHOWN] if audit.measured else ()
    shown = [
        file.sha256 for pairs in sections.values() for p in pairs for file in (p.first, p.second)
    ]
    pictures = thumbnails(registry, [*shown, *(each.sha256 for each in doubtful)], progress)
    templates = environment(_TEMPLATES)
    templates.filters["picture"] = lambda sha256: pictures[sha256]
    templates.filters["points"] = lambda share: f"{100 * share:.1f} %"
    return templates.get_template("audit.html.j2").render(
        audit=audit, copies=copies, sections=sections, doubtful=doubtful, measured=audit.measured
    )


def _within(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """One pair a file, so that a large family does not fill the page."""
    found = (pair for pair in pairs if not pair.across_splits and not pair.across_classes)
    return tuple({pair.first.path: pair for pair in found}.values())
