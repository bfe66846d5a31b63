"""The tour: a made-up bay, its gallery on loopback, and all stages on both."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from data_registry.csv_files import write_csv
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.vocabulary import Verdict
from flows.config.project_schema import Project
from flows.config.scaffold import write_files
from flows.demo.bay import Bay, write_labelled_set
from flows.demo.demo_folder import refuse_used_folder
from flows.demo.drawing.animals import CLASSES
from flows.demo.pretext import STEPS, PretextBackbone, train_backbone
from flows.demo.server import GalleryServer
from flows.demo.web_gallery import QUERIES, write_truth
from flows.local_run import collect_and_label_in_process
from flows.status.overview import build_decision_table
from train.evaluation.intervals import Interval, compute_wilson_interval

SEED = 0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The result of the tour.

    Attributes:
        folder: the workspace.
        backbone: what the teacher began with.
        found: what each stage of the flow found.
        accepted, right: images the teacher accepted, and how many of them it classed rightly.
        precision: right of accepted, with its interval; known because the bay is made up.
        seconds: by part of the tour.
    """

    folder: Path
    backbone: PretextBackbone
    found: Mapping[str, Any]
    accepted: int
    right: int
    precision: Interval | None
    seconds: Mapping[str, float]


def run_demo(keep: Path | None, progress: Progress) -> Demo:
    """Draw, train a backbone, serve, and run the flow in a fresh workspace.

    Args:
        keep: an empty or new folder; by default a fresh one among the temporary files.
        progress: told of everything.

    Raises:
        InputError: the folder is not empty.
    """
    folder = _create_folder(keep)
    clock = _Clock()
    bay = Bay(seed=SEED)
    labelled = folder / "labelled"
    write_labelled_set(bay, labelled, progress)
    clock.record_lap("drawing the bay")
    backbone = train_backbone(folder / "backbone.safetensors", SEED, STEPS, progress)
    clock.record_lap("training a backbone")
    with GalleryServer(bay) as gallery:
        write_truth(gallery.candidates, gallery.url, folder / "truth.csv")
        write_files(folder, build_demo_project(gallery.url, backbone))
        found = collect_and_label_in_process(folder, labelled, progress)
    clock.record_lap("the flow")
    accepted, right = _check_accepted(folder)
    precision = compute_wilson_interval(right, accepted) if accepted else None
    return Demo(
        folder=folder,
        backbone=backbone,
        found=found,
        accepted=accepted,
        right=right,
        precision=precision,
        seconds=clock.laps,
    )


def build_demo_project(gallery_url: str, backbone: PretextBackbone) -> Project:
    """Build the bay's project file."""
    model = {
        "weights": backbone.weights.name,
        "model_args": dict(backbone.model_args),
        "input_size": backbone.input_size,
    }
    return Project.model_validate(
        {
            "project": {"name": "A made-up bay", "contact": "demo@localhost"},
            "classes": [{"name": name, "queries": [QUERIES[name]]} for name in CLASSES],
            "collect": {
                "providers": [{"kind": "gallery", "base": gallery_url}],
                "allow_loopback": [urlsplit(gallery_url).netloc],
                **_OWN_SERVER,
            },
            "groups": {"name_patterns": ["aug-N-SRC"]},
            "label": {"backbone": backbone.name, "mode": "finetune", **_TEACHING, **model},
            "train": {"models": [{"name": backbone.name, **model, **_LEARNING}]},
            "promote": {"calibrate": False},  # a fit a fold, for predictions nobody asks for here
        }
    )


_OWN_SERVER = {"requests_per_second": 1000, "per_host": 64}
# Half a minute's features are too weak to tell how much of a pool is none of the classes, which the
# policy `certified` estimates: it would accept next to nothing, and nothing could be shown.
_TEACHING = {"folds": 3, "epochs": 36, "learning_rate": 2e-3, "policy": "threshold"}
# Fine-tuned from the same weights as the teacher, on smaller images: quick, and comparable.
_LEARNING = {"input_size": 56, "steps": 120, "batch_size": 16, "learning_rate": 2e-3}


def _create_folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="ephyra-demo-"))
    refuse_used_folder(keep)
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _check_accepted(folder: Path) -> tuple[int, int]:
    """Count the accepted images, and those of them whose class is right."""
    with Registry.open(folder) as registry:
        decisions = build_decision_table(registry)
    write_csv(decisions, folder / "decisions.csv")
    truth = pd.read_csv(folder / "truth.csv", keep_default_na=False)
    true_class = dict(zip(truth["url"], truth["class"], strict=True))
    accepted = decisions[decisions["verdict"] == Verdict.ACCEPTED].drop_duplicates("sha256")
    right = accepted["url"].map(true_class) == accepted["class_name"]
    return len(accepted), int(right.sum())


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def record_lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 1)
        self._last = now
