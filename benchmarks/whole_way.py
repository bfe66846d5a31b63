"""The whole way on real photographs: a third of the jellyfish originals, the rest on the web.

The pool is served by a real HTTP server on loopback: the other originals, and photographs of other
things as junk. The peer is what the study did: softmax of a linear head on the same features,
accepted at 0.95, with no gate, no calibration and no look at the query.
"""

import csv
import functools
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks._common import find_shared_folder, run_benchmark
from benchmarks._real_sets import LITE, build_model_keys
from data_registry.csv_files import write_csv
from data_registry.images.hashing import compute_sha256
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.pool import load_pool
from data_registry.runs.run_records import count_test_readings as readings_of
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify
from flows.config.model_settings import build_teacher_backbone
from flows.config.project_schema import Project
from flows.config.scaffold import write_files
from flows.config.settings import build_radii
from flows.config.workspace import Workspace, open_workspace
from flows.stages.stages import collect_stage, group_stage, import_stage, label_stage, merge_stage
from flows.status.overview import build_decision_table, count_latest_outcomes
from flows.training.train_stage import train_stage
from labeling.teacher.labelled import load_labelled_images
from train.evaluation.intervals import compute_wilson_interval
from train.features.feature_store import FeatureStore
from train.models.backbones import load_backbone

RIGHT_QUERY = 0.85


@dataclass(frozen=True)
class World:
    """Where things lie, and what the pool's images show: SHA-256 to class, empty for junk."""

    folder: Path
    labelled: Path
    served: Path
    truth: Mapping[str, str]
    classes: tuple[str, ...]


def measure(quick: bool) -> Mapping[str, Any]:
    """Outcomes, precision of the accepted, accuracy without and with, seconds a stage."""
    shared = find_shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    folder = Path(tempfile.mkdtemp(prefix="ephyra-whole-way-"))
    world = _build(shared, folder, junk=150 if quick else 1048)
    with _serve_folder(world.served) as url:
        _write_candidates(world, url)
        write_files(folder, _build_project(world, shared))
        with open_workspace(folder) as workspace:
            return _run(workspace, world)


def _run(workspace: Workspace, world: World) -> Mapping[str, Any]:
    seconds: dict[str, float] = {}
    first = _run_stages(workspace, world, seconds)
    registry = workspace.registry
    digest, readings = compute_canonical_digest(registry), readings_of(registry)
    again: dict[str, float] = {}
    _run_stages(workspace, world, again)
    unchanged = compute_canonical_digest(registry) == digest and readings_of(registry) == readings
    breaches = [item.rule for item in verify(registry, build_radii(workspace), blobs=True).breaches]
    write_csv(build_decision_table(registry), world.folder / "decisions.csv")
    decisions = load_current_decisions(registry)
    accepted = decisions[decisions["verdict"] == "accepted"]
    ours = _score_accepted(
        dict(zip(accepted["sha256"], accepted["class_name"], strict=True)), world
    )
    peer = _score_accepted(_accept_by_bare_threshold(workspace), world)
    (comparison,) = first["train"].comparisons
    return {
        "workspace": str(world.folder),
        "outcomes": count_latest_outcomes(registry),
        "verdicts": first["label"].verdicts,
        "reasons": first["label"].reasons,
        "out_of_fold": first["label"].card["out_of_fold"],
        "ours": {**ours, "seconds": seconds, "seconds_second_run": again},
        "peers": {"bare 0.95": peer},
        "ratios": {"precision": round(ours["precision"] / peer["precision"], 3)},
        "comparison": vars(comparison),
        "version": first["merge"].card,
        "verify": breaches,
        "goals": {
            "second run changes nothing": unchanged,
            "verify passes": not breaches,
            "more precise than the bare threshold": ours["precision"] >= peer["precision"],
        },
    }


def _run_stages(workspace: Workspace, world: World, seconds: dict[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stages: Mapping[str, Callable[[], Any]] = {
        "import": lambda: import_stage(workspace, world.labelled),
        "collect": lambda: collect_stage(workspace),
        "group": lambda: group_stage(workspace),
        "label": lambda: label_stage(workspace),
        "merge": lambda: merge_stage(workspace),
        "train": lambda: train_stage(workspace),
    }
    for name, stage in stages.items():
        started = time.perf_counter()
        found[name] = stage()
        seconds[name] = round(time.perf_counter() - started, 1)
    return found


def _score_accepted(accepted: Mapping[str, str], world: World) -> dict[str, Any]:
    """Score precision with its interval, and the accepted share of the known classes."""
    right = sum(world.truth.get(sha256) == name for sha256, name in accepted.items())
    interval = compute_wilson_interval(right, len(accepted))
    known = sum(bool(name) for name in world.truth.values())
    return {
        "accepted": len(accepted),
        "right": right,
        "precision": round(interval.estimate, 4),
        "interval": [round(interval.low, 4), round(interval.high, 4)],
        "coverage": round(right / known, 4),
    }


def _accept_by_bare_threshold(workspace: Workspace) -> dict[str, str]:
    """Accept by the study's rule on the same features, duplicates left out as by Ephyra."""
    registry = workspace.registry
    labelled = load_labelled_images(registry)
    store = FeatureStore(registry.files, load_backbone(build_teacher_backbone(workspace)))
    pool = load_pool(registry)
    names = list(pool["sha256"][pool["copy_of"] == ""])
    head = LogisticRegression(C=1000, max_iter=2000)
    head.fit(store.load_features(labelled.sha256, registry.read_image), labelled.classes)
    probabilities = head.predict_proba(store.load_features(names, registry.read_image))
    sure = np.flatnonzero(probabilities.max(axis=1) >= 0.95)
    return {names[i]: labelled.class_names[int(probabilities[i].argmax())] for i in sure}


def _build(shared: Path, folder: Path, junk: int) -> World:
    """Build the set: a third of the originals, official valid and test; serve the rest."""
    rng = random.Random(0)
    jellyfish = shared / "data" / "jellyfish"
    labelled, served = folder / "labelled", folder / "served"
    served.mkdir(parents=True)
    truth: dict[str, str] = {}
    pool: list[tuple[Path, str]] = []
    classes = tuple(sorted(child.name for child in (jellyfish / "train").iterdir()))
    for name in classes:
        for split in ("valid", "test"):
            shutil.copytree(jellyfish / split / name, labelled / split / name)
        files = sorted((jellyfish / "train" / name).iterdir())
        originals = [file for file in files if not file.name.startswith("aug-")]
        rng.shuffle(originals)
        third = len(originals) // 3
        (labelled / "train" / name).mkdir(parents=True)
        for file in originals[:third]:
            shutil.copy(file, labelled / "train" / name)
        pool += [(file, name) for file in originals[third:]]
    others = sorted((shared / "data" / "caltech_open" / "pool").iterdir())[:junk]
    pool += [(file, "") for file in others]
    rng.shuffle(pool)
    for number, (file, name) in enumerate(pool):
        shutil.copy(file, served / f"{number:04}.jpg")
        truth[compute_sha256(file.read_bytes())] = name
    return World(folder, labelled, served, truth, classes)


def _write_candidates(world: World, url: str) -> None:
    rng = random.Random(1)
    with (world.folder / "candidates.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["url", "query", "licence", "creator"])
        for file in sorted(world.served.iterdir()):
            name = world.truth[compute_sha256(file.read_bytes())]
            right = name and rng.random() < RIGHT_QUERY
            query = name if right else rng.choice(world.classes)
            writer.writerow([f"{url}/{file.name}", query, "CC BY 4.0", "benchmark"])


def _build_project(world: World, shared: Path) -> Project:
    model = build_model_keys(shared, LITE)
    return Project.model_validate(
        {
            "project": {"name": "jellyfish, a third labelled", "contact": "benchmark@localhost"},
            "classes": [{"name": name, "queries": [name]} for name in world.classes],
            "collect": {
                "providers": [{"kind": "urls", "path": "candidates.csv"}],
                "allow_loopback": True,  # the servers in candidates.csv
                "requests_per_second": 1000,
                "per_host": 64,
            },
            "groups": {"name_patterns": ["aug-N-SRC"]},
            "label": {"backbone": LITE, **model},
            "train": {
                "models": [
                    {
                        "name": LITE,
                        "freeze": True,
                        "steps": 300,
                        "learning_rate": 3e-3,
                        **model,
                    }
                ]
            },
        }
    )


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _serve_folder(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    run_benchmark("whole_way", measure)
