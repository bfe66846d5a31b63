"""Which servers on this machine a project admits: a project file never opens every local port."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectors.fetch.network_guard import parse_origin
from flows.config.project_folder import ProjectFolder
from flows.config.sections.collect_section import ProviderSection

_PATH_OPTION = "path"
_ON_THIS_MACHINE = re.compile(
    r"https?://(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?", re.IGNORECASE
)


def list_admitted_servers(
    workspace: ProjectFolder, addresses: Iterable[str] = ()
) -> tuple[str, ...]:
    """List the servers that `[collect] allow_loopback` names; for `true` those of the providers.

    Args:
        workspace: the project.
        addresses: addresses on the command line: `true` admits their servers as well.
    """
    collect = workspace.project.collect
    if not isinstance(collect.allow_loopback, bool):
        return tuple(map(parse_origin, collect.allow_loopback))
    if not collect.allow_loopback:
        return ()
    origins = [
        origin
        for section in collect.providers
        for origin in _find_provider_origins(workspace, section)
    ]
    origins += [origin for address in addresses for origin in _find_origins(address)]
    return tuple(sorted(set(origins)))


def _find_provider_origins(workspace: ProjectFolder, section: ProviderSection) -> Iterator[str]:
    """Find the servers in a provider's options, and in the list of a provider of URLs."""
    for value in section.options.values():
        if isinstance(value, str):
            yield from _find_origins(value)
    path = section.options.get(_PATH_OPTION)
    if section.kind == "urls" and isinstance(path, str) and path:
        yield from _find_origins(_read_text(Path(workspace.resolve_path(path))))


def _find_origins(text: str) -> Iterator[str]:
    for url in _ON_THIS_MACHINE.findall(text):
        try:
            yield parse_origin(url)
        except ValueError:  # a port that is none; the fetcher refuses the URL by name
            continue


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the provider says so by name
        return ""
