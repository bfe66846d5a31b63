"""Verify that the stored data breaks no rule, and name every breach.

The absence of duplicates across splits is proved only for what the detectors can see; the summary
names the detectors and radii.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_registry.duplicates.hamming import describe_search
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry
from data_registry.retention.unrecorded_files import find_files_without_row
from data_registry.storage.stored_content import name_damaged_file
from data_registry.text.wording import count_noun
from data_registry.verification.database_checks import find_database_breaches
from data_registry.verification.holdout_duplicates import HoldoutDuplicates
from data_registry.versions.leaks import Breach, build_breach, find_broken_rules
from data_registry.versions.manifest import (
    COLUMNS,
    RESTORE,
    build_manifest_path,
    hash_rows,
    read_columns,
)
from data_registry.versions.manifest_checks import (
    LINKED,
    PRESENCE,
    RULES,
    load_presence_tables,
    load_rule_tables,
    open_tables,
)
from data_registry.versions.published_versions import Version, load_publication_times, load_versions


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `verify` checked and found.

    Attributes:
        versions: tags that were checked.
        images: rows of manifests that were checked.
        detectors: how duplicates across splits were searched.
        breaches: empty if every rule holds.
        later: breaches by links found after a version was published; later versions respect them.
        unnamed: files without a row in the database.
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
        radii: how near hashes must be to count as duplicates across splits.
        tag: one version's tag; all versions if empty.
        blobs: also read every image and hash it again.
        progress: told of every image that is read.
    """
    progress = progress or SilentProgress()
    chosen = [version for version in load_versions(registry) if tag in ("", version.tag)]
    found, later = list(find_database_breaches(registry)), list[Breach]()
    published = load_publication_times(registry)
    readable: list[Version] = []
    images = 0
    with (
        ThreadPoolExecutor(1) as beside,
        report_phase(progress, "checking versions", len(chosen)),
    ):
        # The search runs in numpy, which releases the GIL: on two cores in half the time.
        search = beside.submit(HoldoutDuplicates, registry, chosen, radii)
        tables = {**load_rule_tables(registry), **load_presence_tables(registry)}
        for version in chosen:
            try:
                manifest = read_columns(registry, version.version_hash, COLUMNS)
            except StorageError as error:
                found.append(build_breach("manifest-missing", f"{version.tag}: {error}", []))
                continue
            readable.append(version)
            images += len(manifest)
            at = published[version.version_hash]
            found += _add_tag(
                version, _find_manifest_breaches(version, manifest, _select_known_links(tables, at))
            )
            later += _add_tag(version, _find_later_breaches(manifest, tables, at))
            progress.advance()
        with report_phase(progress, "searching duplicates across splits", None):
            duplicates = search.result()
    for version in readable:
        found += _add_tag(version, duplicates.find_across_splits(version))
    if blobs:
        found += _find_changed_blobs(registry, progress)
    return Verification(
        versions=tuple(version.tag for version in chosen),
        images=images,
        detectors=_describe_detectors(radii, duplicates.cannot_link_count),
        breaches=tuple(found),
        later=tuple(later),
        unnamed=tuple(find_files_without_row(registry, tables["present"])),
    )


def _select_known_links(tables: Mapping[str, pa.Table], at: str) -> dict[str, pa.Table]:
    """Select the links known at that time; the other tables stay."""
    links = tables["link"]
    return {**tables, "link": links.filter(pc.less_equal(links["at"], at))}


def _find_later_breaches(
    manifest: pa.Table, tables: Mapping[str, pa.Table], at: str
) -> Iterator[Breach]:
    """Find linked images in different splits whose link is newer than the version."""
    links = tables["link"]
    since = links.filter(pc.greater(links["at"], at))
    if not since.num_rows:
        return
    with open_tables({"link": since, "manifest": manifest}) as connection:
        yield from find_broken_rules(connection, {LINKED: RULES[LINKED]})


def _describe_detectors(radii: Radii, cannot_links: int) -> str:
    words = (
        f"pHash <= {radii.phash} and dHash <= {radii.dhash} of 64 bits in 8 orientations "
        f"({describe_search(radii.phash)}), and every stored link (hash, name, "
        "features that geometry confirmed, person)"
    )
    pairs = count_noun(cannot_links, "pair")
    return f"{words}, but for {pairs} with a cannot-link" if cannot_links else words


def _add_tag(version: Version, found: Iterator[Breach]) -> Iterator[Breach]:
    for item in found:
        yield Breach(item.rule, f"{version.tag}: {item.detail}", item.images, item.count)


def _find_manifest_breaches(
    version: Version, manifest: pa.Table, tables: Mapping[str, pa.Table]
) -> Iterator[Breach]:
    with open_tables({**tables, "manifest": manifest}) as connection:
        yield from find_broken_rules(connection, {**RULES, **PRESENCE})
    with name_damaged_file(build_manifest_path(version.version_hash), RESTORE):
        found = hash_rows(manifest)
    if found != version.version_hash:
        yield build_breach("version-changed", "the manifest's content no longer has its name", [])


def _find_changed_blobs(registry: Registry, progress: Progress) -> Iterator[Breach]:
    names = sorted(registry.find_present_images())
    progress.start("hashing again", len(names))
    changed = []
    for name in names:
        try:
            intact = compute_sha256(registry.read_image(name)) == name
        except StorageError:
            intact = False
        if not intact:
            changed.append(name)
        progress.advance()
    progress.finish()
    if changed:
        yield build_breach("blob-changed", "stored bytes no longer have their name", changed)
