"""What a training keeps while it runs: the best weights, and all it needs to go on after a kill."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from data_registry.storage.stored_content import name_damaged_file

_BEST = "best"
_RESUME_FILE = "resume.ckpt"


def build_best_checkpoint(folder: Path, *, averaged: bool) -> Any:
    """Build Lightning's callback that keeps the weights of the lowest validation loss.

    Args:
        folder: where.
        averaged: a running mean of the weights is what is validated. Lightning asks the mean's
            callback for its weights only when it writes a whole checkpoint.
    """
    return ModelCheckpoint(
        folder,
        filename=_BEST,
        monitor="val_loss",
        save_weights_only=not averaged,
        save_on_train_epoch_end=False,
        # One name for all: a training that goes on writes the same best checkpoint again.
        enable_version_counter=False,
    )


def load_best_weights(folder: Path) -> Mapping[str, Any] | None:
    """Load the last checkpoint of `build_best_checkpoint`, or None."""
    return _read(folder / f"{_BEST}.ckpt")


class ResumeCheckpoint(Callback):  # type: ignore[misc]
    """After each check, save all state: weights, optimiser, schedules, callbacks, history.

    Args:
        folder: holds one such checkpoint, replaced in a single step.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Lightning's epoch is the stretch between two checks; early stopping has run by now."""
        partial = self._folder / f".{_RESUME_FILE}.partial"
        trainer.save_checkpoint(partial)
        partial.replace(self._folder / _RESUME_FILE)


def find_resume_path(folder: Path) -> Path | None:
    """Find the checkpoint to resume from, or None."""
    path = folder / _RESUME_FILE
    return path if path.is_file() else None


def read_resume_checkpoint(folder: Path) -> Mapping[str, Any] | None:
    """Read the checkpoint at `find_resume_path`."""
    return _read(folder / _RESUME_FILE)


def _read(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    with name_damaged_file(
        str(path), f"Delete {path.parent}: the training starts from the beginning"
    ):
        checkpoint: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return checkpoint
