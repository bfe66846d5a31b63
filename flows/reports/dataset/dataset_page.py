"""The page: one self-contained HTML file, in the look of the reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_registry.duplicates.reported_groups import ReportedGroup
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.versions.diff import VersionDiff
from data_registry.versions.published_versions import Version, describe_audit
from data_registry.versions.split_report import SplitCost
from flows.reports.dataset.brightness import Brightness
from flows.reports.dataset.doubts import Doubts, Pairs
from flows.reports.dataset.facts import Facts
from flows.reports.dataset.samples import Grid
from flows.reports.html_pages import build_thumbnails, create_environment

GROUPS_SHOWN = 24
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the page tells.

    Attributes:
        project: the project's name.
        version: which version.
        facts: what can be counted.
        cost: what the splits cost.
        brightness: of a sample of each split.
        pairs: near-copies.
        reported: groups for a person to look at, as they are now.
        doubts: labels that a teacher doubts.
        grids: some images of each class.
        changes: since the version it was made from; None for the first.
    """

    project: str
    version: Version
    facts: Facts
    cost: SplitCost
    brightness: Mapping[str, Brightness]
    pairs: Pairs
    reported: tuple[ReportedGroup, ...]
    doubts: Doubts
    grids: tuple[Grid, ...]
    changes: VersionDiff | None

    @property
    def reported_shown(self) -> tuple[ReportedGroup, ...]:
        """The first of the reported groups that links chain; one image of two labels has none."""
        return tuple(group for group in self.reported if group.chain)[:GROUPS_SHOWN]


def render_page(registry: Registry, description: Description, progress: Progress) -> str:
    """Render the page as HTML; an image whose bytes are gone leaves its place empty.

    Args:
        registry: stores the bytes.
        description: the content.
        progress: told of every thumbnail.
    """
    pictures = build_thumbnails(registry, _list_images(description), progress)
    templates = create_environment(_TEMPLATES)
    templates.filters["picture"] = lambda sha256: pictures[sha256]
    return templates.get_template("description.html.j2").render(
        about=description,
        card=description.version.card,
        facts=description.facts,
        splits=[split for split, count in description.facts.splits.items() if count],
        cost_classes=_list_classes(description),
        audit=describe_audit(description.version.card),
    )


def _list_classes(description: Description) -> list[str]:
    """List every class, also those that are in no split."""
    cost = description.cost
    return sorted({*cost.excluded, *(name for row in cost.balance.values() for name in row)})


def _list_images(description: Description) -> list[str]:
    """List every image on the page."""
    samples = (sample.sha256 for grid in description.grids for sample in grid.samples)
    pairs = (name for pair in description.pairs.shown for name in (pair.first, pair.second))
    weakest = [group.weakest for group in description.reported_shown]
    links = (name for link in weakest for name in (link.first, link.second))
    labels = (label.sha256 for label in description.doubts.shown)
    return [*samples, *pairs, *links, *labels]
