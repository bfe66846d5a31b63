"""Tidying a workspace up: images that were turned down, their features, and stray files."""

from dataclasses import dataclass

from data_registry.garbage import Discardable, discard, find_turned_down
from data_registry.lock import only_flow
from data_registry.progress import Progress
from data_registry.stray_files import StrayFile, delete_stray_files, find_stray_files
from flows.workspace import Workspace


@dataclass(frozen=True)
class Garbage:
    """What may go, or went.

    Attributes:
        images: turned down, and what stays; see `data_registry.garbage`.
        files: that nothing names; see `data_registry.stray_files`.
        byte_count: of all of it.
    """

    images: Discardable
    files: tuple[StrayFile, ...]
    byte_count: int


def find_stage(workspace: Workspace) -> Garbage:
    """What may go; nothing is changed.

    Raises:
        StorageError: a version's manifest is missing or damaged.
    """
    images = find_turned_down(workspace.registry)
    files = tuple(find_stray_files(workspace.registry))
    size = sum(item.byte_count for item in images.images) + sum(item.byte_count for item in files)
    return Garbage(images, files, size)


def collect_garbage_stage(workspace: Workspace, progress: Progress | None = None) -> Garbage:
    """Let go what may go, with the features of what is not kept.

    Raises:
        BusyError: a flow is at work; nothing was changed.
        RuleError: an image was labelled or published meanwhile; it stays.
        StorageError: something could not be deleted; give the same command again.
    """
    from train.feature_store import drop_features

    registry = workspace.registry
    with only_flow(registry):
        found = find_stage(workspace)
        discard(registry, found.images.images, progress)
        delete_stray_files(registry, found.files)
        # All of them, not those of today alone: an earlier run may have been killed right here.
        drop_features(registry.files, registry.discarded_images())
    return found
