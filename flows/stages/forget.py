"""A takedown: the images themselves, and what was computed from them."""

from dataclasses import dataclass

from data_registry.errors import InputError
from data_registry.lock import hold_workspace
from data_registry.retention.takedown import (
    TakedownResult,
    find_images_to_take_down,
    take_down_images,
)
from flows.config.workspace import Workspace


@dataclass(frozen=True)
class Takedown:
    """A request for takedown.

    Attributes:
        urls, creators, sha256s: see `data_registry.forgetting.images_to_forget`.
        reason: who asked and why.
    """

    urls: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    sha256s: tuple[str, ...] = ()
    reason: str = "asked for"


def find_stage(workspace: Workspace, takedown: Takedown) -> list[str]:
    """Find the images that a takedown names.

    Raises:
        InputError: the request names nothing, or something that leads to no image.
    """
    names = (takedown.urls, takedown.creators, takedown.sha256s)
    if not any(names):
        raise InputError("name what is to be taken down: --url, --creator or --sha")
    return find_images_to_take_down(workspace.registry, *names)


def forget_stage(workspace: Workspace, takedown: Takedown) -> TakedownResult:
    """Delete the images that a takedown names, with their features, and block their return.

    Raises:
        InputError: see `find_stage`; nothing was taken down.
        BusyError: a flow is at work, which might be reading them; nothing was taken down.
        StorageError: something could not be deleted; run the same takedown again.
    """
    from train.features.feature_store import drop_features

    names = find_stage(workspace, takedown)
    with hold_workspace(workspace.registry):
        forgotten = take_down_images(workspace.registry, names, takedown.reason)
        drop_features(workspace.registry.files, names)
    return forgotten
