"""Load what an export holds: the images of a version, with their titles and attribution."""

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
from data_registry.versions.published_versions import Version

_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}


@dataclass(frozen=True)
class Contents:
    """The contents of an export.

    Attributes:
        version: the exported version.
        images: one row for each image, sorted by SHA-256: sha256, class_name, class_origin, split,
            group_id, provider, licence, creator, title, url, page_url, licence_url, extension,
            byte_count.
        taken_down: number of images that were taken down since and are left out.
    """

    version: Version
    images: pd.DataFrame
    taken_down: int


def load_contents(registry: Registry, version: Version) -> Contents:
    """Load the images of a version, without the excluded ones.

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
    """Derive an image's title from the last part of its page's URL, or of its own.

    A part that is only a number (``/observations/123``) is no title.
    """
    for address in (page_url, url):
        name = unquote(PurePosixPath(urlsplit(address).path).name).removeprefix("File:")
        if name and not name.isdigit():
            return name
    return url


def read_original_bytes(registry: Registry, sha256: str) -> bytes:
    """Read an image's bytes and check them against its SHA-256.

    Raises:
        StorageError: they are missing or have changed.
    """
    data = registry.read_image(sha256)
    if compute_sha256(data) != sha256:
        raise StorageError(
            f"the bytes of image {sha256} have changed, so nothing was exported: "
            "`ephyra verify --blobs` names every such image; restore them from a backup"
        )
    return data
