"""Describing a version: gather, render, write."""

from dataclasses import dataclass

from data_registry.duplicates.reported_groups import find_reported_groups
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.versions.diff import diff_versions
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import find_version, load_version_rows
from data_registry.versions.split_report import compute_split_cost
from flows.config.workspace import Workspace
from flows.reports.dataset.brightness import measure_brightness
from flows.reports.dataset.dataset_page import Description, render_page
from flows.reports.dataset.doubts import find_doubts, find_near_duplicates
from flows.reports.dataset.facts import count_facts
from flows.reports.dataset.samples import select_grids
from flows.reports.paths import REPORTS, get_shown_path


@dataclass(frozen=True)
class Described:
    """A description and where its page lies.

    Attributes:
        page: a full path where the workspace is local.
    """

    description: Description
    page: str


def describe_stage(
    workspace: Workspace, name: str = "", progress: Progress | None = None
) -> Described:
    """Write a version's page to ``reports/TAG/description.html``.

    Args:
        workspace: the project.
        name: a tag or hash; the newest version if empty.
        progress: told of every image that is read.

    Raises:
        InputError: there is no such version.
        StorageError: a manifest is damaged, or the page cannot be written.
    """
    registry, progress = workspace.registry, progress or SilentProgress()
    version = find_version(registry, name)
    with report_phase(progress, "reading the version", None):
        rows = load_version_rows(registry, version)
    kept = rows[rows["split"] != EXCLUDED]
    parent = find_version(registry, version.parent) if version.parent else None
    brightness = measure_brightness(registry, kept, progress)
    with report_phase(progress, "counting, and finding near-duplicates and doubtful labels", None):
        description = Description(
            project=workspace.project.project.name,
            version=version,
            facts=count_facts(registry, rows),
            cost=compute_split_cost(rows),
            brightness=brightness,
            pairs=find_near_duplicates(registry, rows),
            reported=find_reported_groups(registry, workspace.project.groups.largest),
            doubts=find_doubts(registry, rows),
            grids=select_grids(rows, registry.find_present_images()),
            changes=diff_versions(registry, parent, version) if parent else None,
        )
    path = f"{REPORTS}/{version.tag}/description.html"
    registry.files.write(path, render_page(registry, description, progress).encode())
    return Described(description, get_shown_path(registry, path))
