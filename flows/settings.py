"""From the project file's words to what the registry and the collectors take."""

from pathlib import Path
from typing import Any

from collectors.budget import BudgetRule
from collectors.candidate import Provider
from collectors.fetched import FetchSettings
from collectors.image_check import CheckSettings
from collectors.licences import LicenceRule
from collectors.providers import build_provider
from collectors.settings import CollectSettings
from data_registry.errors import ProviderError
from data_registry.feature_rule import FeatureRule
from data_registry.near_duplicates import Radii
from data_registry.splits import SplitSettings
from flows.own_servers import admitted_servers
from flows.workspace import Workspace

_PROVIDER_PATHS = ("path", "table")
_WEB = ("http://", "https://")
MILLION = 1_000_000


def radii(workspace: Workspace) -> Radii:
    """How near hashes must be."""
    groups = workspace.project.groups
    return Radii(groups.phash_radius, groups.dhash_radius)


def feature_rule(workspace: Workspace) -> FeatureRule:
    """What two images need to be tied together by features."""
    groups = workspace.project.groups
    return FeatureRule(
        groups.feature_similarity,
        groups.feature_neighbours,
        groups.feature_points,
        groups.feature_share,
        groups.feature_correlation,
    )


def split_settings(workspace: Workspace) -> SplitSettings:
    """How large missing splits become."""
    splits = workspace.project.splits
    return SplitSettings(splits.val, splits.test, splits.seed)


def collect_settings(workspace: Workspace) -> CollectSettings:
    """Limits of a collection."""
    collect = workspace.project.collect
    return CollectSettings(
        fetch=FetchSettings(
            contact=workspace.project.project.contact,
            total_seconds=collect.total_seconds,
            max_bytes=round(collect.max_megabytes * MILLION),
            requests_per_second=collect.requests_per_second,
            per_host=collect.per_host,
            heed_robots_txt=collect.robots_txt,
            allow_loopback=admitted_servers(workspace),
        ),
        check=CheckSettings(
            max_pixels=round(collect.max_megapixels * MILLION), min_side=collect.min_side
        ),
        licences=LicenceRule(collect.licences, collect.allow_unknown),
        budget=BudgetRule(collect.candidates_per_class, least_new=collect.least_new),
        class_of_query=workspace.project.class_of_query,
        threads=collect.threads,
    )


def providers(workspace: Workspace) -> list[Provider]:
    """Every provider of the project file.

    Raises:
        ProviderError: an unknown kind or option.
    """
    fetch = collect_settings(workspace).fetch
    return [
        build_provider(section.kind, _with_paths(workspace, section.options), fetch)
        for section in workspace.project.collect.providers
    ]


def _with_paths(workspace: Workspace, options: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Path] = {}
    for name in _PROVIDER_PATHS:
        value = options.get(name)
        if value is not None and not (isinstance(value, str) and value):
            raise ProviderError(
                f"[[collect.providers]]: {name} = {value!r}; expected a path in quotation marks"
            )
        if value and value.startswith(_WEB):
            raise ProviderError(
                f"[[collect.providers]]: {name} = {value!r} is an address; expected a path. An "
                'archive takes its address as url = "…" and keeps what it fetches at its path'
            )
        if value:
            paths[name] = workspace.path(value)
    return {**options, **paths}
