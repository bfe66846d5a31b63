"""979 photographs from cold to decisions, beside fine-tuning the same backbone for 20 epochs.

Four fifths of the jellyfish set, by whole groups, are labelled; the rest is the pool. Ours
computes features of every image, fits and calibrates the teacher, estimates and decides. The peer
learns from the same labelled images, every weight of it, and classifies the pool.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks._common import find_shared_folder, run_benchmark
from benchmarks._pool_registry import Photographs, create_pool_registry
from benchmarks._real_sets import LITE, build_backbone_spec, build_model_keys, select_examples
from data_registry.duplicates.grouping import (
    link_images_by_hashes,
    link_images_by_names,
    load_groups,
    update_groups,
)
from data_registry.duplicates.match_thresholds import Radii
from data_registry.ingest.importing import import_folder
from data_registry.labels.decisions import load_predictions
from data_registry.progress import SilentProgress
from data_registry.registry import Registry
from labeling.rounds.label import label_pool
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.teacher_spec import TeacherSpec
from train.data.dataset import Example, collect_labels
from train.data.pixel_cache import PixelCache
from train.evaluation.intervals import compute_accuracy_interval, compute_paired_difference
from train.experiments.model_inputs import ModelInputs
from train.fitting.fit_config import FitConfig
from train.models.models import build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

EPOCHS, FASTER, WORSE = 20, 30, 0.01


@dataclass(frozen=True)
class Parts:
    """Who is labelled, and who is the pool."""

    photographs: Photographs
    labelled: tuple[Example, ...]
    pool: tuple[Example, ...]


def measure(quick: bool) -> Mapping[str, Any]:
    """Seconds of both, their accuracy on the pool, and the paired difference."""
    shared = find_shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    folder = Path(tempfile.mkdtemp(prefix="ephyra-label-speed-"))
    parts = _split_set(shared / "data" / "jellyfish", folder / "groups")
    settings = LabelSettings(TeacherSpec(build_backbone_spec(shared, LITE)))
    place = folder / "cold"
    with create_pool_registry(
        place, parts.photographs, labelled=parts.labelled, pool=parts.pool, seed=0
    ) as registry:
        ours = _label_by_ephyra(registry, settings, parts)
        peer = _label_by_fine_tuning(registry, shared, parts, 1 if quick else EPOCHS)
    groups = np.array([item.group for item in parts.pool])
    difference = compute_paired_difference(ours[0][None], peer[0][None], groups)
    ratio = peer[1] / ours[1]
    return {
        "images": len(parts.labelled) + len(parts.pool),
        "ours": _summarise_arm(*ours, groups),
        "peers": {f"fine-tuned, {1 if quick else EPOCHS} epochs": _summarise_arm(*peer, groups)},
        "ratios": {"times faster": round(ratio, 1)},
        "difference": {
            "ours less peer": round(difference.interval.estimate, 4),
            "interval": [round(v, 4) for v in (difference.interval.low, difference.interval.high)],
        },
        "goals": {
            "at least 30 times faster": ratio >= FASTER,
            "not worse by more than a point": difference.interval.estimate >= -WORSE,
        },
    }


def _split_set(jellyfish: Path, folder: Path) -> Parts:
    """Split the set: four fifths labelled, one fifth pool; duplicates stay together."""
    with Registry.open(folder) as registry:
        import_folder(registry, jellyfish)
        link_images_by_hashes(registry, Radii())
        link_images_by_names(registry, ["aug-N-SRC"])
        update_groups(registry)
        group = load_groups(registry)
    photographs = Photographs.of(jellyfish)
    files = photographs.files
    place = {name: index for index, name in enumerate(photographs.classes)}
    items = [
        Example(name, place[file.parent.name], group[name]) for name, file in sorted(files.items())
    ]
    deal = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    groups = [item.group for item in items]
    labelled, pool = next(deal.split(items, collect_labels(items), groups))
    return Parts(photographs, select_examples(items, labelled), select_examples(items, pool))


def _label_by_ephyra(
    registry: Registry, settings: LabelSettings, parts: Parts
) -> tuple[npt.NDArray[np.bool_], float]:
    """Whether the teacher is right on each image of the pool, and the seconds from cold."""
    started = time.perf_counter()
    teacher_id = label_pool(registry, settings).teacher_id
    seconds = time.perf_counter() - started
    said = load_predictions(registry, teacher_id)
    classes = parts.photographs.classes
    right = [said[item.sha256].class_name == classes[item.class_index] for item in parts.pool]
    return np.array(right), seconds


def _label_by_fine_tuning(
    registry: Registry, shared: Path, parts: Parts, epochs: int
) -> tuple[npt.NDArray[np.bool_], float]:
    """Label by the fine-tuned network, in the number format that is fastest here."""
    started = time.perf_counter()
    context = TrainingContext(files=registry.files, read=registry.read_image)
    spec = ModelSpec(LITE, **build_model_keys(shared, LITE))
    model = build_model(spec, len(parts.photographs.classes), seed=0)
    config = FitConfig(epochs=epochs, learning_rate=3e-4, patience=None)
    with PixelCache(registry.read_image, SilentProgress()) as cache:
        inputs = ModelInputs(context, cache, model, frozen=False)
        inputs.fit(parts.labelled, None, config)
        said = inputs.predict(parts.pool).argmax(axis=1)
    return said == collect_labels(parts.pool), time.perf_counter() - started


def _summarise_arm(
    right: npt.NDArray[np.bool_], seconds: float, groups: npt.NDArray[np.str_]
) -> dict[str, Any]:
    accuracy = compute_accuracy_interval(right[None], groups)
    return {
        "seconds": round(seconds, 1),
        "accuracy on the pool": round(accuracy.estimate, 4),
        "interval": [round(accuracy.low, 4), round(accuracy.high, 4)],
        "images": len(right),
    }


if __name__ == "__main__":
    run_benchmark("label_speed", measure)
