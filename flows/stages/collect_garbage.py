"""Delete what a workspace no longer needs: rejected images, their features, orphaned files."""

from dataclasses import dataclass

from data_registry.errors import InputError
from data_registry.lock import hold_workspace
from data_registry.progress import Progress
from data_registry.retention.garbage import DiscardPlan, discard, find_discardable_images
from data_registry.retention.orphaned_files import (
    UNNAMED,
    UNPUBLISHED,
    OrphanedFile,
    delete_orphaned_files,
    find_orphaned_files,
)
from flows.config.workspace import Workspace

LARGE_SHARE = 0.5
NAMELESS_SHARE = 0.1
MANY_NAMELESS = 10


@dataclass(frozen=True)
class Garbage:
    """What may go, or went.

    Attributes:
        images: turned down, and what stays; see `data_registry.retention.garbage`.
        files: that nothing names; see `data_registry.retention.orphaned_files`.
        byte_count: of all of it.
        stored: images and stray files that there are, those that stay included.
    """

    images: DiscardPlan
    files: tuple[OrphanedFile, ...]
    byte_count: int
    stored: int

    @property
    def file_count(self) -> int:
        """How many files go."""
        return len(self.images.images) + len(self.files)

    @property
    def is_large(self) -> bool:
        """Whether so much goes that somebody should confirm it.

        Stopped runs leave few files without a row. Many mean a database that is older than them.
        """
        nameless = sum(file.reason in (UNNAMED, UNPUBLISHED) for file in self.files)
        return self.file_count > LARGE_SHARE * self.stored or (
            nameless >= MANY_NAMELESS and nameless > NAMELESS_SHARE * self.stored
        )


def find_stage(workspace: Workspace) -> Garbage:
    """Find what may be deleted, without changing anything.

    Raises:
        StorageError: a version's manifest is missing or damaged.
    """
    images = find_discardable_images(workspace.registry)
    files = tuple(find_orphaned_files(workspace.registry))
    size = sum(file.byte_count for file in images.images) + sum(file.byte_count for file in files)
    stored = len(images.images) + sum(images.kept.values()) + len(files)
    return Garbage(images, files, size, stored)


def collect_garbage_stage(
    workspace: Workspace, progress: Progress | None = None, confirmed: int = 0
) -> Garbage:
    """Delete rejected images with their features, and orphaned files.

    Args:
        workspace: the project.
        progress: told of every image.
        confirmed: so many files may go although they are a large share of what is stored.

    Raises:
        InputError: more than that would go; nothing was changed.
        BusyError: a flow is at work; nothing was changed.
        RuleError: an image was labelled or published meanwhile; it stays.
        StorageError: something could not be deleted; run the same command again.
    """
    from train.features.feature_store import drop_features

    registry = workspace.registry
    with hold_workspace(registry):
        garbage = find_stage(workspace)
        if garbage.is_large and garbage.file_count > confirmed:
            raise InputError(
                f"{garbage.file_count} of {garbage.stored} files would go; nothing was deleted. "
                "`ephyra gc --dry-run` names them, and `ephyra verify` what is wrong where the "
                "database is older than the files. Confirm the number, or let a script pass --yes"
            )
        discard(registry, garbage.images.images, progress)
        delete_orphaned_files(registry, garbage.files)
        # All of them, not those of today alone: an earlier run may have been killed right here.
        drop_features(registry.files, registry.find_discarded_images())
    return garbage
