"""What leaks are worth: the studies' models on folds of whole groups, and on folds dealt at random.

The models come from the product's own templates, made small enough for two cores; what cannot run
here (pretrained weights that are not there) is named. Random folds are what the studies did: copies
of one photograph stand on both sides.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks._common import find_shared_folder, run_benchmark
from benchmarks._real_sets import (
    LITE,
    MOBILE,
    Published,
    build_model_keys,
    publish_set,
    select_examples,
)
from data_registry.progress import SilentProgress
from flows.config.model_settings import build_fit_config, build_model_spec
from flows.config.scaffold import load_template
from flows.config.sections.model_section import TrainModelSection
from flows.config.sections.train_section import name_models
from flows.training.fold_training import FoldTraining
from train.data.dataset import collect_labels
from train.experiments.cross_validation import CrossValidation, Fitting, Folds, cross_validate
from train.tracking.context import TrainingContext

FOLDS = 5


@dataclass(frozen=True)
class Study:
    """One data set with the models of a template.

    Attributes:
        template: of `ephyra init`.
        folder: of the photographs, below shared/data.
        side: pixels of the networks that learn from nothing.
        epochs: at most.
    """

    template: str
    folder: str
    side: int = 64
    epochs: int = 20


STUDIES = (
    Study("jellyfish", "jellyfish"),
    Study("flowers", "pizza_steak_sushi"),
    Study("restaurant", "restaurant_example", epochs=50),
)


def measure(quick: bool) -> Mapping[str, Any]:
    """Accuracy of every model on grouped and on random folds, with intervals."""
    shared = find_shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    place = Path(tempfile.mkdtemp(prefix="ephyra-leaks-"))
    studies = [replace(study, epochs=2) for study in STUDIES[-1:]] if quick else STUDIES
    found = {study.folder: _run_study(shared, place / study.folder, study) for study in studies}
    rows = [row for part in found.values() for row in part["models"]]
    leaks = {f"{row['set']}: {row['model']}": row["leak"] for row in rows}
    goals = {
        f"jellyfish, {row['model']}: random folds look better": row["leak"] > 0
        for row in rows
        if row["set"] == "jellyfish"
    }
    return {
        "workspace": str(place),
        "ours": [{k: v for k, v in row.items() if k != "random"} for row in rows],
        "peers": [{"set": r["set"], "model": r["model"], **r["random"]} for r in rows],
        "sets": {name: part["about"] for name, part in found.items()},
        "ratios": leaks,
        "goals": goals,
    }


def _run_study(shared: Path, folder: Path, study: Study) -> dict[str, Any]:
    sections, left_out = _build_sections(shared, study)
    with publish_set(folder, sections, shared / "data" / study.folder) as found:
        workspace = found.workspace
        grouped = FoldTraining(workspace, found.dataset, FOLDS, SilentProgress()).folds
        models = workspace.project.train.models
        rows = [
            {"set": study.folder, "model": name, **_run_both_folds(found, model, grouped)}
            for name, model in zip(name_models(models), models, strict=True)
        ]
    images = [item for part in grouped.held_out for item in part]
    about = {
        "images": len(images),
        "groups": len({item.group for item in images}),
        "left out": left_out,
    }
    return {"models": rows, "about": about}


def _run_both_folds(found: Published, model: TrainModelSection, grouped: Folds) -> dict[str, Any]:
    fitting = Fitting(build_model_spec(found.workspace, model), build_fit_config(model))
    started = time.perf_counter()
    honest = _cross_validate(found.context, fitting, grouped)
    leaky = _cross_validate(found.context, fitting, ungroup_folds(grouped))
    return {
        "grouped": _summarise_result(honest),
        "random": _summarise_result(leaky),
        "leak": round(leaky.accuracy.estimate - honest.accuracy.estimate, 4),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _cross_validate(context: TrainingContext, fitting: Fitting, folds: Folds) -> CrossValidation:
    every = [item for part in folds.held_out for item in part]
    return cross_validate(context, fitting, lambda _: every, folds)


def ungroup_folds(folds: Folds) -> Folds:
    """Ungroup the folds: the same images, but duplicates may be in different folds."""
    alone = [replace(item, group=item.sha256) for part in folds.held_out for item in part]
    alone.sort(key=lambda item: item.sha256)
    deal = StratifiedKFold(len(folds.held_out), shuffle=True, random_state=0)
    parts = deal.split(np.zeros(len(alone)), collect_labels(alone))
    return replace(folds, held_out=tuple(select_examples(alone, held) for _, held in parts))


def _summarise_result(found: CrossValidation) -> dict[str, Any]:
    low, high = found.accuracy.low, found.accuracy.high
    return {
        "accuracy": round(found.accuracy.estimate, 4),
        "interval": [round(low, 4), round(high, 4)],
        "images": len(found.scores.sha256),
        "gap": round(found.gap, 4),
    }


def _build_sections(shared: Path, study: Study) -> tuple[dict[str, Any], list[str]]:
    """Build the project file's sections of what can run here; list the models that cannot."""
    given = load_template(study.template, study.folder)
    kept = [
        _shrink_model(model, study)
        for model in given.train.models
        if _is_trained_from_scratch(model)
    ]
    frozen = {"freeze": True, "steps": 300, "learning_rate": 3e-3}
    pretrained = [
        {"name": name, **frozen, **build_model_keys(shared, name)} for name in (MOBILE, LITE)
    ]
    models = [*(model.model_dump() for model in kept), *pretrained]
    left_out = sorted(
        {model.name for model in given.train.models if not _is_trained_from_scratch(model)}
    )
    return {"groups": given.groups.model_dump(), "train": {"models": models}}, left_out


def _is_trained_from_scratch(model: TrainModelSection) -> bool:
    return model.name.startswith(("cnn", "convmixer"))


def _shrink_model(model: TrainModelSection, study: Study) -> TrainModelSection:
    epochs = min(model.epochs, study.epochs) if isinstance(model.epochs, int) else study.epochs
    return model.model_copy(update={"input_size": study.side, "epochs": epochs})


if __name__ == "__main__":
    run_benchmark("leaks", measure)
