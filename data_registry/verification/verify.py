"""Proof, on what is stored, that no rule was broken; every breach is named.

Absence of copies across splits is proved only for what the detectors can see: the summary says
which detectors and radii were used.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_registry.duplicates.hamming import search_method
from data_registry.duplicates.near_duplicates import Radii
from data_registry.errors import StorageError
from data_registry.images.hashing import sha256_of
from data_registry.progress import Progress, Silent, stretch
from data_registry.registry import Registry
from data_registry.retention.unrecorded_files import files_without_row
from data_registry.storage.stored_content import naming_damage
from data_registry.text.wording import count_noun
from data_registry.verification.database_checks import database_breaches
from data_registry.verification.holdout_duplicates import HeldOutCopies
from data_registry.versions.leaks import Breach, breach, broken_rules
from data_registry.versions.manifest import (
    COLUMNS,
    RESTORE,
    hash_of_rows,
    manifest_path,
    read_columns,
)
from data_registry.versions.manifest_checks import (
    LINKED,
    PRESENCE,
    RULES,
    rule_tables,
    stored_tables,
    with_tables,
)
from data_registry.versions.publishing import Version, published_at, versions


@dataclass(frozen=True)
class Verification:
    """What `verify` looked at and found.

    Attributes:
        versions: tags that were checked.
        images: rows of manifests that were checked.
        detectors: how copies across splits were looked for.
        breaches: empty if every rule holds.
        later: what was found out since a version was published, and later versions heed. No
            version can know which images a crop, or a person, will tie together afterwards.
    """

    versions: tuple[str, ...]
    images: int
    detectors: str
    breaches: tuple[Breach, ...]
    later: tuple[Breach, ...] = ()
    unnamed: tuple[Breach, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every rule holds and every file has its row."""
        return not self.breaches and not self.unnamed


def verify(
    registry: Registry,
    radii: Radii,
    tag: str = "",
    blobs: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Check every rule on one version, or on all of them.

    Args:
        registry: what to check.
        radii: how near hashes must be to count as copies across splits.
        tag: one version's tag; all versions if empty.
        blobs: also read every image and hash it again.
        progress: told of every image that is read.
    """
    progress = progress or Silent()
    chosen = [version for version in versions(registry) if tag in ("", version.tag)]
    found, later = list(database_breaches(registry)), list[Breach]()
    published = published_at(registry)
    readable: list[Version] = []
    images = 0
    with (
        ThreadPoolExecutor(1) as beside,
        stretch(progress, "checking versions", len(chosen)),
    ):
        # The search is numpy's, which leaves Python's lock to the rest: two cores, half the time.
        search = beside.submit(HeldOutCopies, registry, chosen, radii)
        tables = {**rule_tables(registry), **stored_tables(registry)}
        for version in chosen:
            try:
                manifest = read_columns(registry, version.version_hash, COLUMNS)
            except StorageError as error:
                found.append(breach("manifest-missing", f"{version.tag}: {error}", []))
                continue
            readable.append(version)
            images += len(manifest)
            at = published[version.version_hash]
            found += _of(version, _manifest_breaches(version, manifest, _known_at(tables, at)))
            later += _of(version, _linked_later(manifest, tables, at))
            progress.advance()
        with stretch(progress, "searching copies across splits", None):
            copies = search.result()
    for version in readable:
        found += _of(version, copies.across(version))
    if blobs:
        found += _changed_blobs(registry, progress)
    return Verification(
        versions=tuple(version.tag for version in chosen),
        images=images,
        detectors=_detectors(radii, copies.parted),
        breaches=tuple(found),
        later=tuple(later),
        unnamed=tuple(files_without_row(registry, tables["present"])),
    )


def _known_at(tables: Mapping[str, pa.Table], at: str) -> dict[str, pa.Table]:
    """The tables with the links that were known at that time."""
    links = tables["link"]
    return {**tables, "link": links.filter(pc.less_equal(links["at"], at))}


def _linked_later(manifest: pa.Table, tables: Mapping[str, pa.Table], at: str) -> Iterator[Breach]:
    """Linked images in different splits whose link nobody knew when the version was published."""
    links = tables["link"]
    since = links.filter(pc.greater(links["at"], at))
    if not since.num_rows:
        return
    with with_tables({"link": since, "manifest": manifest}) as connection:
        yield from broken_rules(connection, {LINKED: RULES[LINKED]})


def _detectors(radii: Radii, parted: int) -> str:
    words = (
        f"pHash <= {radii.phash} and dHash <= {radii.dhash} of 64 bits in 8 orientations "
        f"({search_method(radii.phash)}), and every stored link (hash, name, "
        "features that geometry confirmed, person)"
    )
    pairs = count_noun(parted, "pair")
    return f"{words}, but for {pairs} a person called not the same" if parted else words


def _of(version: Version, found: Iterator[Breach]) -> Iterator[Breach]:
    for item in found:
        yield Breach(item.rule, f"{version.tag}: {item.detail}", item.images, item.count)


def _manifest_breaches(
    version: Version, manifest: pa.Table, tables: Mapping[str, pa.Table]
) -> Iterator[Breach]:
    with with_tables({**tables, "manifest": manifest}) as connection:
        yield from broken_rules(connection, {**RULES, **PRESENCE})
    with naming_damage(manifest_path(version.version_hash), RESTORE):
        found = hash_of_rows(manifest)
    if found != version.version_hash:
        yield breach("version-changed", "the manifest's content no longer has its name", [])


def _changed_blobs(registry: Registry, progress: Progress) -> Iterator[Breach]:
    names = sorted(registry.present_images())
    progress.start("hashing again", len(names))
    changed = []
    for name in names:
        try:
            intact = sha256_of(registry.read_image(name)) == name
        except StorageError:
            intact = False
        if not intact:
            changed.append(name)
        progress.advance()
    progress.finish()
    if changed:
        yield breach("blob-changed", "stored bytes no longer have their name", changed)
