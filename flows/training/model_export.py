"""`export-model`: a run's model for other runtimes, checked before it is handed over."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_registry.export.new_folder import create_beside, refuse_full_folder
from data_registry.progress import Progress
from data_registry.runs.champions import resolve_run
from data_registry.versions.published_versions import find_version, load_complete_rows
from flows.config.workspace import Workspace
from flows.shared.serialisation import make_plain
from flows.training.training_data import build_dataset
from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.experiments.runs import TrainedModel, load_run, read_run
from train.export.int8 import INT8_FILE, AccuracyChange, measure_accuracy_change, write_int8
from train.export.onnx_export import (
    INPUT,
    MODEL_FILE,
    OUTPUT,
    Parity,
    WholeModel,
    build_whole_model,
    check_parity,
    write_onnx,
)

CARD_FILE = "model.json"


@dataclass(frozen=True)
class Int8:
    """The model in eight bits.

    Attributes:
        byte_count: of the file.
        calibrated_on: training images.
        change: what it costs.
    """

    byte_count: int
    calibrated_on: int
    change: AccuracyChange


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """What was handed over.

    Attributes:
        folder: where it lies.
        run_id: the run.
        byte_count: of the float32 file.
        parity: of that file, on validation images.
        int8: the second file, where it was asked for.
    """

    folder: Path
    run_id: str
    byte_count: int
    parity: Parity
    int8: Int8 | None


def export_model_stage(
    workspace: Workspace, run: str, folder: Path, *, int8: bool, progress: Progress
) -> ExportedModel:
    """Write ``model.onnx``, ``model.int8.onnx`` if asked for, and ``model.json`` beside them.

    Test is not read: the files are compared on validation images.

    Args:
        workspace: the project.
        run: an id or its beginning, or ``champion``.
        folder: a new or empty one.
        int8: write the second file too.
        progress: told of decoding.

    Raises:
        InputError: no such run, a folder that is not empty, or the extra is not installed.
        WeightsError: the model cannot be written, or does not answer as the run does.
    """
    folder = folder.resolve()
    refuse_full_folder(folder)
    registry = workspace.registry
    name = resolve_run(registry, run)
    model = load_run(registry.files, name)
    chosen = find_version(registry, read_run(registry.files, name).card.version)
    dataset = build_dataset(registry, chosen, load_complete_rows(registry, chosen))
    with PixelCache(registry.read_image, progress) as cache, create_beside(folder) as partial:
        exported = _write_files(model, dataset, cache, partial, folder, int8=int8)
        card = {
            **_build_card(model),
            "found": {k: v for k, v in make_plain(exported).items() if k != "folder"},
        }
        (partial / CARD_FILE).write_text(json.dumps(card, indent=1), encoding="utf-8")
    return exported


def _write_files(
    model: TrainedModel,
    dataset: Dataset,
    cache: PixelCache,
    partial: Path,
    folder: Path,
    *,
    int8: bool,
) -> ExportedModel:
    whole, source = build_whole_model(model), partial / MODEL_FILE
    write_onnx(whole, source)
    parity = check_parity(whole, source, cache, dataset.val)
    return ExportedModel(
        folder=folder,
        run_id=model.run_id,
        byte_count=source.stat().st_size,
        parity=parity,
        int8=_quantise(whole, dataset, cache, partial) if int8 else None,
    )


def _quantise(whole: WholeModel, dataset: Dataset, cache: PixelCache, partial: Path) -> Int8:
    source, target = partial / MODEL_FILE, partial / INT8_FILE
    own = whole.preprocessing
    count = write_int8(source, target, cache, dataset.train, own)
    change = measure_accuracy_change(source, target, cache, dataset.val, own)
    return Int8(target.stat().st_size, count, change)


def _build_card(model: TrainedModel) -> dict[str, Any]:
    own = model.backbone.preprocessing
    return {
        "run": model.run_id,
        "class_names": list(model.class_names),
        "input": f"{INPUT}: uint8 (images, 3, {own.height}, {own.width}), RGB, not normalised",
        "output": f"{OUTPUT}: float32 (images, {len(model.class_names)}), by class_names",
        "preprocessing": asdict(own),
        "note": "resize and crop as preprocessing says; mean and std are applied inside the model",
    }
