"""Providers, one a file, and the table of their kinds."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from collectors.candidate import Provider
from collectors.fetched import FetchSettings
from collectors.providers.folder import FolderProvider
from collectors.providers.gallery import GalleryProvider
from collectors.providers.urls import UrlListProvider
from data_registry.errors import ProviderError

KINDS: Mapping[str, Callable[..., Provider]] = {
    "folder": FolderProvider,
    "urls": UrlListProvider,
    "gallery": GalleryProvider,
}


def build_provider(kind: str, options: Mapping[str, Any], fetch: FetchSettings) -> Provider:
    """A provider by the name of its kind.

    Args:
        kind: one of `KINDS`.
        options: the arguments of its class, such as ``{"path": "photos"}``.
        fetch: limits and contact, for a provider that asks servers.

    Raises:
        ProviderError: the kind or an option is unknown, or one is missing.
    """
    if kind not in KINDS:
        raise ProviderError(
            f"there is no provider {kind!r}; expected one of {', '.join(sorted(KINDS))}"
        )
    signature = inspect.signature(KINDS[kind])
    given = dict(options)
    if "fetch" in signature.parameters:
        given["fetch"] = fetch
    try:
        signature.bind(**given)
    except TypeError as error:
        allowed = ", ".join(name for name in signature.parameters if name != "fetch")
        raise ProviderError(
            f"the options of provider {kind!r} do not fit: {error}. It takes: {allowed}"
        ) from error
    return KINDS[kind](**given)
