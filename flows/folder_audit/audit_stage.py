"""The audit of a folder: read it into a temporary registry, and find duplicates there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from data_registry.arrays import Float32Array
from data_registry.csv_files import write_csv
from data_registry.duplicates.grouping import link_images_by_names, update_groups
from data_registry.duplicates.hash_evidence import (
    LEAST_CORRELATION,
    link_images_by_confirmed_hashes,
)
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.duplicates.name_patterns import ImportedFile, find_name_links
from data_registry.images.image_limits import DEFAULT_LIMITS, ImageLimits
from data_registry.ingest.importing import ImportSummary, import_folder
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.file_names import escape_file_name
from flows.folder_audit.audit_files import get_table_path, refuse_to_overwrite, write_page
from flows.folder_audit.audit_page import render_audit_page
from flows.folder_audit.folder_duplicates import FolderDuplicates, find_duplicates, load_files
from flows.folder_audit.table import build_audit_table
from flows.shared.loading import announce_model_loading

if TYPE_CHECKING:
    from flows.folder_audit.accuracy import Measured
    from train.specs import BackboneSpec

# How augmentation tools name their output. Only patterns that link files are used.
NAME_PATTERNS = ("aug-N-SRC", "aug_N_SRC", "SRC-aug-N", "SRC_aug_N", "SRC_aug-N", "SRC-aug_N")
_FEATURE_RULE = MatchThresholds()
DEFAULT_RADII = Radii()


@dataclass(frozen=True, kw_only=True)
class FolderAudit:
    """The result of an audit.

    Attributes:
        folder: that was audited.
        images: how many were read, and what could not be read.
        splits: files in each split.
        copies: the duplicates, as pairs and groups.
        patterns: name patterns that link files, and the number of pairs that each links.
        detectors: the methods; duplicates of other kinds may remain.
        measured: accuracies and doubtful labels; None where no weights were given.
        unconfirmed: pairs with similar hashes but different pixels, which count as different.
        files: one row for each file that was read, see
            `flows.folder_audit.folder_duplicates.load_files`.
    """

    folder: str
    images: ImportSummary
    splits: dict[str, int]
    copies: FolderDuplicates
    patterns: dict[str, int]
    detectors: str
    measured: Measured | None
    unconfirmed: int
    files: pd.DataFrame


@dataclass(frozen=True)
class _Methods:
    """How duplicates are looked for; the arguments of `audit_folder`."""

    backbone: BackboneSpec | None
    patterns: Sequence[str]
    radii: Radii


def audit_folder(
    folder: Path,
    page: Path,
    backbone: BackboneSpec | None = None,
    patterns: Sequence[str] = (),
    progress: Progress | None = None,
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    radii: Radii = DEFAULT_RADII,
    is_nested: bool = False,
) -> FolderAudit:
    """Audit an image folder and write a page and a table about it; the folder is not changed.

    Args:
        folder: one folder for each class, with or without train/valid/test above them.
        page: the HTML file to write; the table is beside it, see `get_table_path`.
        backbone: a model with local weights, for accuracies and doubtful labels.
        patterns: name patterns besides `NAME_PATTERNS`.
        progress: told of every image.
        limits: of a file; larger ones are listed as unreadable.
        radii: the largest distances of hashes that propose a duplicate.
        is_nested: whether it is known that folders inside classes only sort the photos.

    Raises:
        LabelledSetError: the folder is no labelled set.
        WeightsError: the weights do not fit.
        InputError: the page or the table would overwrite another file.
        StorageError: the page cannot be written.
    """
    refuse_to_overwrite(page)
    progress = progress or SilentProgress()
    with _open_temporary_registry() as registry:
        images = import_folder(registry, folder, progress, limits, is_nested=is_nested)
        methods = _Methods(backbone, patterns, radii)
        audit = _audit_images(registry, folder, images, methods, progress)
        write_page(page, render_audit_page(registry, audit, get_table_path(page), progress))
    write_csv(build_audit_table(audit), get_table_path(page))
    return audit


def _audit_images(
    registry: Registry, folder: Path, images: ImportSummary, methods: _Methods, progress: Progress
) -> FolderAudit:
    """Find the duplicates of imported images, and measure accuracies where there is a backbone."""
    linked, unconfirmed = _link_images(registry, methods, progress)
    backbone = methods.backbone
    features = _extract_features(registry, backbone, progress) if backbone else None
    update_groups(registry)
    files = load_files(registry)
    return FolderAudit(
        folder=escape_file_name(str(folder)),
        images=images,
        splits={str(k): int(v) for k, v in files["split"].value_counts().items()},
        copies=find_duplicates(registry, files),
        patterns=linked,
        detectors=_describe_detectors(methods, list(linked)),
        measured=_measure(files, features, progress) if features is not None else None,
        unconfirmed=unconfirmed,
        files=files,
    )


def _link_images(
    registry: Registry, methods: _Methods, progress: Progress
) -> tuple[dict[str, int], int]:
    """Link by hashes and names; return pairs by name pattern, and pairs that pixels refuted."""
    with report_phase(progress, "finding duplicates by hashes and names", None):
        linked = _count_linked_pairs(registry, [*NAME_PATTERNS, *methods.patterns])
        unconfirmed = link_images_by_confirmed_hashes(
            registry, methods.radii, _FEATURE_RULE, progress
        )
        link_images_by_names(registry, list(linked))
    return linked, unconfirmed


@contextmanager
def _open_temporary_registry() -> Iterator[Registry]:
    with (
        tempfile.TemporaryDirectory(prefix="ephyra-audit-") as place,
        Registry.open(place) as registry,
    ):
        yield registry


def _count_linked_pairs(registry: Registry, patterns: Sequence[str]) -> dict[str, int]:
    label = schema.label
    rows = registry.database.rows(sa.select(label.c.sha256, label.c.class_name, label.c.path))
    named = [ImportedFile(row.sha256, row.class_name, row.path) for row in rows]
    found = {pattern: len(find_name_links(named, [pattern])) for pattern in dict.fromkeys(patterns)}
    return {pattern: count for pattern, count in found.items() if count}


def _extract_features(
    registry: Registry, spec: BackboneSpec, progress: Progress
) -> dict[str, Float32Array]:
    from data_registry.duplicates.feature_evidence import link_images_by_features

    with announce_model_loading(progress):
        from train.features.features import extract_features
        from train.models.backbones import load_backbone

    names = sorted(registry.find_present_images())
    with report_phase(progress, "reading the weights", None):
        backbone = load_backbone(spec)
    vectors = extract_features(backbone, names, registry.read_image, progress)
    link_images_by_features(registry, names, vectors, _FEATURE_RULE, progress)
    return dict(zip(names, vectors, strict=True))


def _measure(
    files: pd.DataFrame, features: dict[str, Float32Array], progress: Progress
) -> Measured | None:
    from flows.folder_audit.accuracy import measure

    with report_phase(progress, "measuring accuracies on folds", None):
        return measure(files, features)


def _describe_detectors(methods: _Methods, linked: Sequence[str]) -> str:
    """Describe how duplicates were looked for; of the name patterns those that linked files."""
    radii, backbone = methods.radii, methods.backbone
    parts = [
        "same bytes",
        f"pHash within {radii.phash} and dHash within {radii.dhash} of 64 bits, in 8 orientations, "
        f"confirmed by pixels that correlate by {LEAST_CORRELATION:g} or by "
        f"{_FEATURE_RULE.points} points",
    ]
    if linked:
        parts.append(f"file names ({', '.join(linked)})")
    if backbone:
        parts.append(
            f"nearest by features of {backbone.name}, confirmed by {_FEATURE_RULE.points} points"
        )
    return "; ".join(parts)
