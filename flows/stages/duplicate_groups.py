"""Groups for a person to check, and their answer whether two images are duplicates."""

from dataclasses import dataclass

from data_registry.duplicates.grouping import update_groups
from data_registry.duplicates.pair_annotations import (
    CANNOT_LINK,
    PairAnnotation,
    record_pair_annotation,
)
from data_registry.duplicates.reported_groups import ReportedGroup, find_reported_groups
from data_registry.errors import InputError
from data_registry.history.image_lookup import find_image
from data_registry.lock import hold_workspace
from flows.config.workspace import Workspace


@dataclass(frozen=True)
class GroupsState:
    """The groups to look at, and what a word changed.

    Attributes:
        reported: the groups, by their names.
        word: what the person said; None where they said nothing.
        is_new: whether they had not said it before.
        still_together: whether two images that are not the same stay in one group, tied by others.
    """

    reported: tuple[ReportedGroup, ...]
    word: PairAnnotation | None = None
    is_new: bool = False
    still_together: bool = False


def list_groups_stage(workspace: Workspace) -> GroupsState:
    """List the groups that a person should check."""
    return GroupsState(find_reported_groups(workspace.registry, workspace.project.groups.largest))


def record_pair_stage(workspace: Workspace, annotation: PairAnnotation) -> GroupsState:
    """Record whether two images are duplicates, and update the groups.

    Args:
        workspace: the project.
        annotation: `first` and `second` as `data_registry.image_names.find_image` takes them.

    Raises:
        InputError: one of them names no image or several, or both name one.
        BusyError: a flow is at work; nothing was recorded.
    """
    registry = workspace.registry
    first, second = (
        _resolve_image(workspace, given) for given in (annotation.first, annotation.second)
    )
    annotation = PairAnnotation(
        first=first,
        second=second,
        says=annotation.says,
        person=annotation.person,
        note=annotation.note,
    )
    with hold_workspace(registry):
        is_new = record_pair_annotation(registry, annotation)
        reported = update_groups(registry, workspace.project.groups.largest).reported
    pairs = {(pair.first, pair.second) for group in reported for pair in group.contradictions}
    together = annotation.says == CANNOT_LINK and (min(first, second), max(first, second)) in pairs
    return GroupsState(reported, annotation, is_new, together)


def _resolve_image(workspace: Workspace, name: str) -> str:
    sha256 = find_image(workspace.registry, name).sha256
    if not sha256:
        raise InputError(f"{name} was tried, but nothing of it was kept: there is no image of it")
    return sha256
