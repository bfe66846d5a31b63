"""Store images and everything known about them: sources, groups, splits and versions."""

from typing import TYPE_CHECKING

import lazy_loader

from data_registry.own_packages import refuse_hidden_packages

if TYPE_CHECKING:
    from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
    from data_registry.duplicates.match_thresholds import Radii
    from data_registry.ingest.importing import import_folder
    from data_registry.registry import Registry
    from data_registry.verification.verify import verify
    from data_registry.versions.manifest import read_manifest
    from data_registry.versions.publishing import publish
    from data_registry.versions.split_settings import SplitSettings
    from data_registry.versions.splits import assign_splits

refuse_hidden_packages()  # this package needs no other one: it warns

__all__ = [
    "Radii",
    "Registry",
    "SplitSettings",
    "assign_splits",
    "import_folder",
    "link_images_by_hashes",
    "publish",
    "read_manifest",
    "update_groups",
    "verify",
]
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "duplicates.grouping": ["link_images_by_hashes", "update_groups"],
        "duplicates.match_thresholds": ["Radii"],
        "ingest.importing": ["import_folder"],
        "registry": ["Registry"],
        "verification.verify": ["verify"],
        "versions.manifest": ["read_manifest"],
        "versions.publishing": ["publish"],
        "versions.split_settings": ["SplitSettings"],
        "versions.splits": ["assign_splits"],
    },
)
