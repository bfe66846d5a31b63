"""Proof, on what is stored, that no rule was broken; every breach is named.

Absence of copies across splits is proved only for what the detectors can see: the summary says
which detectors and radii were used.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_registry import guards, schema
from data_registry.errors import StorageError
from data_registry.grouping import fingerprints
from data_registry.hamming import search_method
from data_registry.hashing import sha256_of
from data_registry.leaks import Breach, breach, leaks
from data_registry.links import links_that_hold
from data_registry.manifest import EXCLUDED, content_hash, read_manifest
from data_registry.near_duplicates import Radii, copies_between
from data_registry.progress import Progress, Silent
from data_registry.registry import Registry, blob_path
from data_registry.splits import HELD_OUT, assigned_splits
from data_registry.versions import Version, versions


@dataclass(frozen=True)
class Verification:
    """What `verify` looked at and found.

    Attributes:
        versions: tags that were checked.
        images: rows of manifests that were checked.
        detectors: how copies across splits were looked for.
        breaches: empty if every rule holds.
    """

    versions: tuple[str, ...]
    images: int
    detectors: str
    breaches: tuple[Breach, ...]


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
    chosen = [version for version in versions(registry) if tag in ("", version.tag)]
    found = list(_database_breaches(registry))
    images = 0
    for version in chosen:
        try:
            manifest = read_manifest(registry, version.version_hash)
        except StorageError as error:
            found.append(breach("manifest-missing", f"{version.tag}: {error}", []))
            continue
        images += len(manifest)
        found += [_of(version, item) for item in _manifest_breaches(registry, version, manifest)]
        found += [_of(version, item) for item in _copies_across_splits(registry, manifest, radii)]
    if blobs:
        found += _changed_blobs(registry, progress or Silent())
    return Verification(
        versions=tuple(version.tag for version in chosen),
        images=images,
        detectors=(
            f"pHash <= {radii.phash} and dHash <= {radii.dhash} of 64 bits in 8 orientations "
            f"({search_method(radii.phash)}), and every stored link (hash, name, features)"
        ),
        breaches=tuple(found),
    )


def _of(version: Version, item: Breach) -> Breach:
    return Breach(item.rule, f"{version.tag}: {item.detail}", item.images, item.count)


# What the database holds


def _database_breaches(registry: Registry) -> Iterator[Breach]:
    assigned = assigned_splits(registry)
    held_out = {sha256 for sha256, split in assigned.items() if split in HELD_OUT}
    unlabelled = sorted(held_out - registry.labelled_images())
    if unlabelled:
        detail = "assigned to val or test without an imported label"
        yield breach("held-out-without-label", detail, unlabelled)
    with registry.database.transaction() as connection:
        missing = guards.missing(connection)
    if missing:
        detail = f"the database no longer refuses bad changes: {', '.join(missing)}"
        yield breach("guard-missing", detail, [])
    returned = [name for name in sorted(registry.tombstones()) if _has_blob(registry, name)]
    if returned:
        yield breach("tombstoned-image-stored", "an image that was taken down is back", returned)
    yield from _unread_readings(registry)


def _unread_readings(registry: Registry) -> Iterator[Breach]:
    run, reading = schema.run, schema.test_reading
    logged = sa.select(reading.c.run_id)
    statement = sa.select(run.c.run_id, run.c.metrics).where(run.c.run_id.not_in(logged))
    silent = [row.run_id for row in registry.database.rows(statement) if row.metrics.get("test")]
    if silent:
        detail = f"runs with test figures and no logged reading: {', '.join(silent[:3])}"
        yield breach("test-reading-not-logged", detail, [])


# What a manifest holds


def _manifest_breaches(
    registry: Registry, version: Version, manifest: pd.DataFrame
) -> Iterator[Breach]:
    yield from leaks(manifest)
    if content_hash(manifest) != version.version_hash:
        yield breach("version-changed", "the manifest's content no longer has its name", [])
    for rule, detail, check in _MANIFEST_CHECKS:
        images = check(registry, manifest[manifest["split"] != EXCLUDED])
        if images:
            yield breach(rule, detail, images)


def _moved(registry: Registry, kept: pd.DataFrame) -> list[str]:
    """Held-out rows whose permanent assignment says otherwise, and the other way round."""
    assigned = kept["sha256"].map(assigned_splits(registry)).fillna("train")
    return list(kept["sha256"][assigned != kept["split"]])


def _without_blob(registry: Registry, kept: pd.DataFrame) -> list[str]:
    expected = sorted(set(kept["sha256"]) - registry.tombstones())
    return [name for name in expected if not _has_blob(registry, name)]


def _has_blob(registry: Registry, sha256: str) -> bool:
    return registry.files.exists(blob_path(sha256))


def _unknown(registry: Registry, kept: pd.DataFrame) -> list[str]:
    return sorted(set(kept["sha256"]) - registry.known_images())


def _unanswerable(registry: Registry, kept: pd.DataFrame) -> list[str]:
    """Rows whose class nobody stated: no label, annotation or accepting decision says so."""
    label, decision, annotation = schema.label, schema.decision, schema.annotation
    stated = {
        "label": sa.select(label.c.sha256, label.c.class_name),
        "annotation": sa.select(annotation.c.sha256, annotation.c.class_name),
        "decision": sa.select(decision.c.sha256, decision.c.class_name).where(
            decision.c.verdict == "accepted"
        ),
    }
    said = {
        (origin, row.sha256, row.class_name)
        for origin, statement in stated.items()
        for row in registry.database.rows(statement)
    }
    rows = kept[["class_origin", "sha256", "class_name"]].itertuples(index=False, name=None)
    return [row[1] for row in rows if row not in said]


def _linked_across(registry: Registry, kept: pd.DataFrame) -> list[str]:
    split = dict(zip(kept["sha256"], kept["split"], strict=True))
    links = links_that_hold(registry)
    ends = links["first"].map(split), links["second"].map(split)
    across = ends[0].notna() & ends[1].notna() & (ends[0] != ends[1])
    return list(links["first"][across])


_MANIFEST_CHECKS: Sequence[tuple[str, str, Callable[[Registry, pd.DataFrame], list[str]]]] = (
    ("split-moved", "an image stands in another split than it was assigned to", _moved),
    ("image-unknown", "an image of the version is not in the registry", _unknown),
    ("blob-missing", "an image's bytes are not in the workspace", _without_blob),
    ("class-without-origin", "nobody stated the class an image has", _unanswerable),
    ("linked-across-splits", "two linked images stand in different splits", _linked_across),
)


def _copies_across_splits(
    registry: Registry, manifest: pd.DataFrame, radii: Radii
) -> Iterator[Breach]:
    """Search anew, from the stored hashes: independent of links and groups."""
    split = dict(zip(manifest["sha256"], manifest["split"], strict=True))
    every = fingerprints(registry)
    kind = np.array([split.get(name, EXCLUDED) for name in every.sha256])
    for held_out, others in (("test", ("val", "train")), ("val", ("train",))):
        measuring = every.subset(kind == held_out)
        rest = every.subset(np.isin(kind, others))
        pairs = copies_between(measuring, rest, radii)
        if pairs:
            detail = f"copies of {held_out} images stand in {' or '.join(others)}"
            yield breach("copy-across-splits", detail, [pair[0] for pair in pairs])


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
