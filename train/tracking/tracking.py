"""Trackers of a training: TensorBoard always, MLflow and Weights & Biases if configured."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from data_registry.errors import InputError
from data_registry.storage.files import FileStore
from data_registry.text.secrets import select_safe_cause
from train.tracking.tracking_settings import Tracking

# A folder of the workspace; each run has its own inside. Were it called tensorboard, Python would
# take it for the package when a worker runs there.
CURVES = "curves"

# No telemetry, unless the environment says otherwise.
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}


@contextmanager
def open_loggers(
    files: FileStore, tracking: Tracking, run_id: str, facts: Mapping[str, Any]
) -> Iterator[tuple[Logger, ...]]:
    """Open the loggers of one run; close them at the end.

    Args:
        files: the workspace; ``curves/<run>/`` is written in it.
        tracking: further trackers.
        run_id: the run's name.
        facts: settings of the run, shown beside its curves.

    Raises:
        InputError: what is asked for is not installed, or cannot be reached.
    """
    with _open_tensorboard_folder(files, run_id) as folder:
        loggers: list[Logger] = [TensorBoardLogger(folder, name="", version="")]
        try:
            if tracking.mlflow:
                loggers.append(_build_mlflow_logger(tracking, run_id))
            if tracking.wandb:
                loggers.append(_build_wandb_logger(tracking, run_id))
            for logger in loggers:
                logger.log_hyperparams(dict(facts))
            yield tuple(loggers)
        finally:
            _close_loggers(loggers)


@contextmanager
def _open_tensorboard_folder(files: FileStore, run_id: str) -> Iterator[Path]:
    """Open a local folder for TensorBoard; copy it to a remote workspace at the end."""
    place = f"{CURVES}/{run_id}"
    local = files.build_local_path(place)
    if local is not None:
        yield local
        return
    with tempfile.TemporaryDirectory(prefix="ephyra-tensorboard-") as name:
        yield Path(name)
        for path in Path(name).iterdir():
            files.write(f"{place}/{path.name}", path.read_bytes())


def _build_mlflow_logger(tracking: Tracking, run_id: str) -> Logger:
    _disable_telemetry()
    try:
        logger = MLFlowLogger(
            experiment_name=tracking.project, run_name=run_id, tracking_uri=tracking.mlflow
        )
        logger.experiment  # noqa: B018 - a wrong address shows here, before anything is trained
    except ModuleNotFoundError as error:
        raise _build_missing_error("mlflow") from error
    except Exception as error:  # whatever stands behind the address
        raise InputError(
            f"MLflow cannot be used at {tracking.mlflow!r} ({type(error).__name__}: {error}). "
            'Expected an address such as "sqlite:///mlflow.db"'
        ) from select_safe_cause(error)
    return logger


def _build_wandb_logger(tracking: Tracking, run_id: str) -> Logger:
    _disable_telemetry()
    tracking.folder.mkdir(parents=True, exist_ok=True)
    try:
        return WandbLogger(
            name=run_id,
            version=run_id,
            project=tracking.project,
            save_dir=tracking.folder,
            offline=tracking.wandb == "offline",
        )
    except ModuleNotFoundError as error:
        raise _build_missing_error("wandb") from error


def _build_missing_error(name: str) -> InputError:
    return InputError(
        f"[train] {name} is set, and {name} is not installed: pip install 'ephyra[{name}]', or "
        "leave the key empty"
    )


def _disable_telemetry() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def _close_loggers(loggers: list[Logger]) -> None:
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
