"""What is handed over: the images of a version, with their files' names and attribution."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import pandas as pd
import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.labels.class_resolution import load_best_sources
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.manifest import EXCLUDED, read_manifest
from data_registry.versions.publishing import Version

_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}


@dataclass(frozen=True)
class Contents:
    """A version as it is handed over.

    Attributes:
        version: which one.
        images: one row an image, sorted by it: sha256, class_name, class_origin, split, group_id,
            provider, licence, creator, title, url, page_url, licence_url, extension, byte_count.
        taken_down: images of the version whose bytes were taken down since, and that are left out.
    """

    version: Version
    images: pd.DataFrame
    taken_down: int


def load_contents(registry: Registry, version: Version) -> Contents:
    """Gather what a version holds; excluded images are no part of it.

    Raises:
        StorageError: the manifest is missing or damaged.
    """
    rows = read_manifest(registry, version.version_hash)
    kept = rows[rows["split"] != EXCLUDED].drop(columns="reason")
    there = kept[~kept["sha256"].isin(registry.find_tombstones())]
    sources = load_best_sources(registry)[["sha256", "url", "page_url", "licence_url"]]
    image = schema.image
    files = registry.database.frame(sa.select(image.c.sha256, image.c.format, image.c.byte_count))
    images = there.merge(sources, on="sha256", how="left").merge(files, on="sha256", how="left")
    images["title"] = [
        derive_title(url, page) for url, page in zip(images["url"], images["page_url"], strict=True)
    ]
    images["extension"] = images.pop("format").map(lambda name: _EXTENSIONS.get(name, name))
    return Contents(version, images.reset_index(drop=True), len(kept) - len(there))


def derive_title(url: str, page_url: str) -> str:
    """What an image is called where it was seen: the last part of its page or its own address.

    A page that is only a number (``/observations/123``) names nothing.
    """
    for address in (page_url, url):
        name = unquote(PurePosixPath(urlsplit(address).path).name).removeprefix("File:")
        if name and not name.isdigit():
            return name
    return url


def read_original_bytes(registry: Registry, sha256: str) -> bytes:
    """An image's bytes, which must still be those it is named after.

    Raises:
        StorageError: they are gone or have changed.
    """
    data = registry.read_image(sha256)
    if compute_sha256(data) != sha256:
        raise StorageError(
            f"the bytes of image {sha256} have changed, so nothing was exported: "
            "`ephyra verify --blobs` names every such image; restore them from a backup"
        )
    return data
