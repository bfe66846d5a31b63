"""The stages, as plain functions: each takes an opened workspace and says what it did.

Those that need torch load it themselves, so that `import`, `collect` and `merge` begin at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.candidate import Provider
from collectors.collect import collect
from collectors.ledger import CollectSummary
from collectors.retry import select_failed
from data_registry.duplicates.grouping import (
    GroupSummary,
    link_images_by_hashes,
    link_images_by_names,
    update_groups,
)
from data_registry.errors import InputError, ProviderError
from data_registry.ingest.importing import ImportSummary, import_folder
from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry
from data_registry.versions.manifest import read_columns
from data_registry.versions.published_versions import Version, find_newest_version
from data_registry.versions.publishing import publish
from data_registry.versions.splits import assign_splits
from data_registry.vocabulary import Split, Verdict
from flows.config.collection_settings import build_collect_settings, build_providers
from flows.config.labelled_folder import is_nested_set, read_project_set
from flows.config.prerequisites import require_labelled_images
from flows.config.settings import (
    build_image_limits,
    build_match_thresholds,
    build_radii,
    build_split_settings,
)
from flows.config.workspace import Workspace
from flows.stages.import_changes import ImportChanges, describe_import_changes

if TYPE_CHECKING:
    from flows.reports.labelling.labelling_stage import LabelledRound


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import brought, and the version it led to.

    Attributes:
        changes: since the version before it; None where there was none, or nothing changed.
        conflicts: images that wait for a person outside every version, by the classes that they
            were imported under ("cat, dog").
        test_set: what the test split can show, and how many more images would show less.
    """

    images: ImportSummary
    groups: GroupSummary
    assigned: Mapping[str, int]
    version: Version
    changes: ImportChanges | None
    conflicts: Mapping[str, int]
    test_set: str


def import_stage(workspace: Workspace, folder: Path, progress: Progress | None = None) -> Imported:
    """Turn a labelled set into images, groups, splits and a version.

    A later, larger set grows the one that is there: what is in val and test stays there, and what
    it adds gets its own splits.

    Raises:
        LabelledSetError: the folder is no labelled set, or has classes the project does not know.
    """
    read_project_set(workspace, folder)
    registry = workspace.registry
    before = find_newest_version(registry)
    images = import_folder(
        registry,
        folder,
        progress,
        build_image_limits(workspace),
        is_nested=is_nested_set(workspace, folder),
    )
    progress = progress or SilentProgress()
    groups = _group_by_hashes_and_names(workspace, progress)
    with report_phase(progress, "dealing splits", None):
        assigned = assign_splits(registry, build_split_settings(workspace))
    version = _publish(workspace, progress)
    is_new = before and before.version_hash != version.version_hash
    changes = describe_import_changes(registry, before, version) if before and is_new else None
    conflicts = Counter(map(", ".join, load_label_conflicts(registry).values()))
    return Imported(
        images=images,
        groups=groups,
        assigned=assigned,
        version=version,
        changes=changes,
        conflicts=dict(sorted(conflicts.items())),
        test_set=_describe_test_set(registry, version),
    )


def _describe_test_set(registry: Registry, version: Version) -> str:
    from train.evaluation.power import compute_detection_limit

    held_out = read_columns(registry, version.version_hash, ("split", "group_id")).to_pandas()
    groups = held_out["group_id"][held_out["split"] == Split.TEST]
    return compute_detection_limit(len(groups), groups.nunique()).sentence


def collect_stage(
    workspace: Workspace, progress: Progress | None = None
) -> tuple[CollectSummary, ...]:
    """Ask every provider for the project's queries.

    Raises:
        InputError: the project names no provider.
        ProviderError: a provider cannot give candidates; raised once all the others were asked.
    """
    return _collect(workspace, _require_providers(workspace), progress)


def retry_stage(
    workspace: Workspace, progress: Progress | None = None
) -> tuple[CollectSummary, ...]:
    """Try again what failed and may succeed now, and nothing else.

    Raises:
        InputError, ProviderError: as `collect_stage`.
    """
    settings = build_collect_settings(workspace)
    sources = [
        select_failed(workspace.registry, provider, settings)
        for provider in _require_providers(workspace)
    ]
    return _collect(workspace, sources, progress)


def _require_providers(workspace: Workspace) -> list[Provider]:
    if sources := build_providers(workspace):
        return sources
    raise InputError(
        "the project names no provider: add a [[collect.providers]] table with a kind (folder, "
        "urls or openverse, for example) to ephyra.toml"
    )


def _collect(
    workspace: Workspace, sources: Sequence[Provider], progress: Progress | None
) -> tuple[CollectSummary, ...]:
    """Ask every provider, even where one before it failed, and report failures at the end."""
    settings, queries = build_collect_settings(workspace), workspace.project.queries
    names = [source.name for source in sources]
    summaries: list[CollectSummary] = []
    failed: list[ProviderError] = []
    for number, source in enumerate(sources):
        known = replace(settings, after=tuple(names[:number]))
        try:
            summaries.append(collect(workspace.registry, source, queries, known, progress))
        except ProviderError as error:
            failed.append(error)
    if failed:
        raise _combine_errors(failed, summaries)
    return tuple(summaries)


def _combine_errors(
    failed: Sequence[ProviderError], others: Sequence[CollectSummary]
) -> ProviderError:
    """Combine errors into one; the candidates of the other providers are kept."""
    if not others and len(failed) == 1:
        return failed[0]
    names = ", ".join(summary.provider for summary in others)
    kept = f"\n{names}: collected; their images are kept" if others else ""
    return ProviderError("\n".join(map(str, failed)) + kept)


def group_stage(workspace: Workspace, progress: Progress | None = None) -> GroupSummary:
    """Compute features of every image, and draw the groups from hashes, names and features.

    Raises:
        InputError: nothing was imported yet.
        WeightsError: the backbone's weights cannot be had.
    """
    require_labelled_images(workspace)
    from data_registry.duplicates.feature_evidence import link_images_by_features
    from flows.stages.embedding import open_feature_store

    registry, progress = workspace.registry, progress or SilentProgress()
    known = sorted(registry.find_present_images())
    with report_phase(progress, "reading the teacher's weights", None):
        store = open_feature_store(workspace)
    features = store.load_features(known, registry.read_image, progress)
    _link_by_hashes_and_names(workspace, progress)
    link_images_by_features(registry, known, features, build_match_thresholds(workspace), progress)
    return _update_groups(workspace, progress)


def label_stage(
    workspace: Workspace, progress: Progress | None = None, threshold: float | None = None
) -> LabelledRound:
    """Let the teacher decide on every collected image, and write the round's page.

    Raises:
        InputError: a threshold that is no probability, or too few labelled images.
    """
    from flows.config.model_settings import build_label_settings
    from flows.reports.labelling.labelling_stage import write_label_page
    from labeling.rounds.label import label_round

    settings = build_label_settings(workspace, threshold)
    labelled = label_round(workspace.registry, settings, progress)
    return write_label_page(workspace, labelled, settings, progress)


def merge_stage(workspace: Workspace, progress: Progress | None = None) -> Version:
    """Publish what is now known as a version; nothing new gives the newest version again.

    A labelled image that had no split yet, since only now a person decided between its classes,
    gets one.

    Raises:
        InputError: nothing was imported yet.
    """
    require_labelled_images(workspace)
    progress = progress or SilentProgress()
    _group_by_hashes_and_names(workspace, progress)
    assign_splits(workspace.registry, build_split_settings(workspace))
    return _publish(workspace, progress)


def _group_by_hashes_and_names(workspace: Workspace, progress: Progress) -> GroupSummary:
    _link_by_hashes_and_names(workspace, progress)
    return _update_groups(workspace, progress)


def _update_groups(workspace: Workspace, progress: Progress) -> GroupSummary:
    with report_phase(progress, "drawing groups", None):
        return update_groups(workspace.registry, workspace.project.groups.largest)


def _link_by_hashes_and_names(workspace: Workspace, progress: Progress) -> None:
    with report_phase(progress, "finding duplicates by hashes and names", None):
        link_images_by_hashes(workspace.registry, build_radii(workspace))
        link_images_by_names(workspace.registry, workspace.project.groups.name_patterns)


def _publish(workspace: Workspace, progress: Progress) -> Version:
    with report_phase(progress, "publishing a version", None):
        return _publish_known(workspace)


def _publish_known(workspace: Workspace) -> Version:
    project, decided = workspace.project, load_current_decisions(workspace.registry)
    settings = {
        "groups": project.groups.model_dump(mode="json"),
        "splits": asdict(build_split_settings(workspace)),
        # What decided, which `label --threshold` may have changed since the file was written.
        "policies": sorted(decided["policy"].unique()),
    }
    from labeling.audit.audit import load_certified_precision

    accepted = set(decided["sha256"][decided["verdict"] == Verdict.ACCEPTED])
    return publish(
        workspace.registry, settings, load_certified_precision(workspace.registry, accepted)
    )
