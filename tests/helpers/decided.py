"""Steps that give a registry of the tests groups, splits and decisions of a teacher."""

from pathlib import Path

from drawn import collect_bytes, labelled_set

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.ingest.importing import import_folder
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import Registry
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

TEACHER = "teacher"


def group_and_split(registry: Registry) -> None:
    """Link duplicates by hashes, and give every labelled image a split."""
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    assign_splits(registry, SplitSettings())


def decide(
    registry: Registry,
    *sha256s: str,
    verdict: str = "accepted",
    class_name: str = "a",
    reason: str = "sure",
    detail: str = "",
) -> None:
    """Record the same decision of one teacher on each image."""
    record_teacher(registry, TEACHER, {})
    decisions = [
        Decision(
            sha256=sha256,
            teacher_id=TEACHER,
            policy="p",
            verdict=verdict,
            class_name=class_name,
            confidence=0.99,
            reason=reason,
            detail=detail,
        )
        for sha256 in sha256s
    ]
    record_decisions(registry, decisions)


def fill_registry(registry: Registry, folder: Path, collected: bytes) -> str:
    """Import a labelled set, and accept one collected image, whose name is returned."""
    import_folder(registry, labelled_set(folder))
    (sha256,) = collect_bytes(registry, [collected])
    group_and_split(registry)
    decide(registry, sha256)
    return sha256
