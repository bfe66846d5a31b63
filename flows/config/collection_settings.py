"""From the project file's words to what the collectors take."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from collectors.budget import BudgetRule
from collectors.candidate import Provider
from collectors.checks.check_settings import CheckSettings
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule
from collectors.providers import build_provider
from data_registry.errors import ProviderError
from flows.config.own_servers import list_admitted_servers
from flows.config.project_folder import ProjectFolder
from flows.config.sections.collect_section import ProviderSection
from flows.config.sections.setting import fill_record

_PROVIDER_PATHS = ("path", "table")
_WEB = ("http://", "https://")
_PLAIN_PIXEL = 4  # bytes of a decoded pixel: `max_megapixels` is a promise for plain images


def build_collect_settings(workspace: ProjectFolder) -> CollectSettings:
    """Build the limits of a collection."""
    project, collect = workspace.project.project, workspace.project.collect
    check = fill_record(CheckSettings, collect)
    memory = max(check.memory_bytes, _PLAIN_PIXEL * check.max_pixels)
    return fill_record(
        CollectSettings,
        collect,
        fetch=fill_record(
            FetchSettings, project, collect, allow_loopback=list_admitted_servers(workspace)
        ),
        check=replace(check, memory_bytes=memory),
        licences=fill_record(LicenceRule, collect),
        budget=fill_record(BudgetRule, collect),
        class_of_query=workspace.project.class_of_query,
    )


def build_providers(workspace: ProjectFolder) -> list[Provider]:
    """Build every provider of the project file.

    Raises:
        ProviderError: an unknown kind or option.
    """
    return [
        build_configured_provider(workspace, section)
        for section in workspace.project.collect.providers
    ]


def build_configured_provider(workspace: ProjectFolder, section: ProviderSection) -> Provider:
    """Build the provider of one table.

    Raises:
        ProviderError: an unknown kind or option.
    """
    fetch = build_collect_settings(workspace).fetch
    return build_provider(section.kind, _resolve_paths(workspace, section.options), fetch)


def _resolve_paths(workspace: ProjectFolder, options: dict[str, Any]) -> dict[str, Any]:
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
            paths[name] = workspace.resolve_path(value)
    return {**options, **paths}
