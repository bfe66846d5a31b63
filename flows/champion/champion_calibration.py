"""The champion's temperature: its probabilities made to mean frequencies.

Nothing from val or test may calibrate, and of train a model is too sure. So the champion's recipe
is fitted once a fold of train without that fold, and the temperature is the one that suits what
those models say of what they have not seen. Folds that decided the title are not fitted again.
"""

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.runs.champions import find_champion
from data_registry.storage.files import FileStore
from data_registry.storage.json_records import refuse_unknown_keys
from data_registry.storage.stored_content import name_damaged_file, read_record
from data_registry.versions.published_versions import (
    find_images_taken_down,
    find_version,
    load_version_rows,
)
from flows.config.workspace import Workspace
from flows.training.fold_training import FoldTraining
from flows.training.training_data import build_dataset
from labeling.teacher.calibration import compute_log_probabilities, fit_temperature
from train.data.dataset import Example
from train.experiments.cross_validation import Folds
from train.experiments.recipes import Recipe
from train.experiments.runs import read_run
from train.tracking.context import TrainingContext


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a champion was calibrated.

    Attributes:
        temperature: divides its logits.
        images: held out, on which it was fitted; 0 where the file does not say.
        folds: models that were fitted; 0 where the file does not say.
    """

    temperature: float
    images: int = 0
    folds: int = 0


def calibrate_stage(workspace: Workspace, progress: Progress | None = None) -> float | None:
    """Fit the champion's temperature, once; later calls read it.

    Returns:
        The temperature. None where there is no champion, `[promote] calibrate` is false, or images
        that it learnt from were taken down since, so that they cannot be learnt from again.
    """
    registry, run_id = workspace.registry, find_champion(workspace.registry)
    if run_id is None or not workspace.project.promote.calibrate:
        return None
    known = read_temperature(registry.files, run_id)
    if known is not None:
        return known
    run = read_run(registry.files, run_id)
    version = find_version(registry, run.card.version)
    manifest = load_version_rows(registry, version)
    if find_images_taken_down(registry, manifest):
        return None
    dataset = build_dataset(registry, version, manifest)
    progress = progress or SilentProgress()
    training = FoldTraining(workspace, dataset, workspace.project.promote.folds, progress)
    context = TrainingContext(files=registry.files, read=registry.read_image, progress=progress)
    with report_phase(progress, "calibrating the champion on folds", None):
        validated = training.cross_validate(context, Recipe("", (run,)))
    rows = validated.said.set_index("sha256").loc[
        [example.sha256 for example in _list_held_out(training.folds)]
    ]
    probabilities = rows[[f"p:{name}" for name in training.folds.class_names]].to_numpy(np.float64)
    temperature = _fit_group_temperature(probabilities, training.folds)
    calibration = Calibration(temperature=temperature, images=len(rows), folds=len(validated.folds))
    registry.files.write(_build_path(run_id), json.dumps(asdict(calibration)).encode())
    return temperature


def read_temperature(files: FileStore, run_id: str) -> float | None:
    """Read a run's temperature; None where it was never calibrated."""
    if not files.exists(_build_path(run_id)):
        return None
    advice = "Delete it: `ephyra train` calibrates the champion again"
    calibration = read_record(files, _build_path(run_id), Calibration, advice)
    with name_damaged_file(_build_path(run_id), advice):
        if not 0 < calibration.temperature < math.inf:
            raise ValueError(f"a temperature of {calibration.temperature:g}")
    return calibration.temperature


def _fit_group_temperature(probabilities: Float64Array, folds: Folds) -> float:
    """Fit the temperature; the images of a group share the weight of one image."""
    examples = _list_held_out(folds)
    truth = np.array([example.class_index for example in examples], dtype=np.int64)
    groups = np.array([example.group for example in examples])
    _, group_index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return fit_temperature(
        compute_log_probabilities(probabilities), truth, 1.0 / sizes[group_index]
    )


def _list_held_out(folds: Folds) -> list[Example]:
    return [example for part in folds.held_out for example in part]


def _build_path(run_id: str) -> str:
    return f"runs/{run_id}/calibration.json"
