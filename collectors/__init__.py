"""Collectors: providers of candidates, the fetcher, image checks, and the collection itself."""

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from collectors.candidate import Candidate, Provider, SearchProvider
    from collectors.collect_settings import CollectSettings
    from collectors.fetch.fetched import FetchSettings
    from collectors.providers import build_provider

# By its path: a user's own file may stand in the place of `data_registry`, too.
_guard = runpy.run_path(f"{Path(__file__).parents[1]}/data_registry/own_packages.py")
_guard["refuse_hidden_packages"]("data_registry")

__all__ = [
    "Candidate",
    "CollectSettings",
    "FetchSettings",
    "Provider",
    "SearchProvider",
    "build_provider",
]
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "candidate": ["Candidate", "Provider", "SearchProvider"],
        "collect_settings": ["CollectSettings"],
        "fetch.fetched": ["FetchSettings"],
        "providers": ["build_provider"],
    },
)
