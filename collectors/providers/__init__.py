"""Providers, one in each module, and the kinds that a project file can name.

A kind is one of `KINDS`, or an entry point of the group ``ephyra.providers`` of any installed
package; `collectors.candidate` explains how to write one.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

from collectors.candidate import Provider
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.http_rules import explain_url_refusal
from collectors.providers.archives.archive import ArchiveProvider
from collectors.providers.archives.zenodo import ZenodoProvider
from collectors.providers.flickr import FlickrProvider
from collectors.providers.folder import FolderProvider
from collectors.providers.gallery import GalleryProvider
from collectors.providers.gbif import GbifProvider
from collectors.providers.inaturalist import INaturalistProvider
from collectors.providers.openverse import OpenverseProvider
from collectors.providers.options import build_arguments
from collectors.providers.search.search_engines import BaiduProvider, BingProvider, GoogleProvider
from collectors.providers.urls import UrlListProvider
from collectors.providers.wikimedia import WikimediaProvider
from data_registry.errors import ProviderError
from data_registry.text.wording import suggest_name

GROUP = "ephyra.providers"
_ADDRESSES = ("url", "base")  # options of the providers here that are asked over HTTP

KINDS: Mapping[str, Callable[..., Provider]] = {
    "folder": FolderProvider,
    "archive": ArchiveProvider,
    "urls": UrlListProvider,
    "gallery": GalleryProvider,
    "openverse": OpenverseProvider,
    "wikimedia": WikimediaProvider,
    "inaturalist": INaturalistProvider,
    "gbif": GbifProvider,
    "flickr": FlickrProvider,
    "zenodo": ZenodoProvider,
    "bing": BingProvider,
    "google": GoogleProvider,
    "baidu": BaiduProvider,
}


def build_provider(kind: str, options: Mapping[str, object], fetch: FetchSettings) -> Provider:
    """Build a provider by the name of its kind.

    Args:
        kind: one of `KINDS`, or the name of an entry point of the group `GROUP`.
        options: the arguments of its class, such as ``{"path": "photos"}``.
        fetch: limits and contact, for a provider that sends requests.

    Raises:
        ProviderError: the kind or an option is unknown, or one is missing; or the package that
            registers the kind is broken.
    """
    make = KINDS.get(kind) or _find_plugin(kind)
    provider = make(**build_arguments(kind, make, options, fetch))
    if kind in KINDS:
        _refuse_bad_addresses(kind, options)
    if not (isinstance(getattr(provider, "name", None), str) and hasattr(provider, "candidates")):
        raise ProviderError(
            f"the provider {kind!r} returned {type(provider).__name__}; expected an object with a "
            "`name` and a method `candidates`. Tell the package's author"
        )
    if not provider.name.strip():
        raise ProviderError(f"the provider {kind!r} has an empty name; expected a word, or no name")
    return provider


def _refuse_bad_addresses(kind: str, options: Mapping[str, object]) -> None:
    for name in _ADDRESSES:
        refusal = explain_url_refusal(str(options[name])) if options.get(name) else ""
        if refusal:
            raise ProviderError(
                f"the provider {kind!r} has {name} = {options[name]!r}: {refusal}; expected an "
                "address such as https://example.org"
            )


def _find_plugin(kind: str) -> Callable[..., Provider]:
    """Find the entry point of an installed package for this kind."""
    offered = entry_points(group=GROUP)
    points = {point.value: point for point in offered if point.name == kind}
    if not points:
        known = sorted({*KINDS, *offered.names})
        raise ProviderError(
            f"there is no provider {kind!r}; expected one of {', '.join(known)}"
            f"{suggest_name(kind, known) or '.'} A package can add one: an entry point of the "
            f"group {GROUP}"
        )
    if len(points) > 1:
        raise ProviderError(
            f"several packages register a provider {kind!r}: {', '.join(sorted(points))}. "
            "Uninstall all but one"
        )
    return _load_plugin(*points.values())


def _load_plugin(point: EntryPoint) -> Callable[..., Provider]:
    try:
        make: Callable[..., Provider] = point.load()
    except Exception as error:  # a package's module may raise anything while it is imported
        raise ProviderError(
            f"the provider {point.name!r} cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}. Repair or uninstall the package that registers it"
        ) from error
    if not callable(make):
        raise ProviderError(
            f"the provider {point.name!r} is {point.value}, which cannot be called; expected a "
            "class or function that returns a provider. Tell the package's author"
        )
    return make
