"""Labelling an open pool: the plain 0.95, the certified policy with answers, and the ceiling.

The pool of `caltech_open` holds things of no labelled class. A fixed random half of it may be
asked about, in the order of the review queue; the other half is scored and never asked about. The
product's own stages run: import, group, label, review.
"""

import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks._common import find_shared_folder, run_benchmark
from benchmarks._labeling_scores import (
    average_seeds,
    check_goals,
    compute_calibration_errors,
    score,
)
from benchmarks._labeling_world import ENDS, Ranked, World, rank_by_bounds
from benchmarks._real_sets import LITE, MOBILE, build_backbone_spec
from collectors.checks.check_settings import CheckSettings
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.providers.folder import FolderProvider
from data_registry.csv_files import write_csv
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.images.hashing import compute_sha256
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Prediction, record_decisions
from data_registry.progress import SilentProgress
from data_registry.registry import Registry
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from data_registry.vocabulary import Verdict
from labeling.policy.certified import CertifiedPolicy
from labeling.policy.policy import Policy
from labeling.review.queue import load_waiting_images
from labeling.rounds.acquisition import rank_questions
from labeling.rounds.label import build_policy, decide
from labeling.rounds.label_settings import LabelSettings
from labeling.rounds.round import Round, gather_round
from labeling.teacher.teacher_features import PoolFeatures
from labeling.teacher.teacher_spec import TeacherSpec
from train.specs import BackboneSpec

BETWEEN_LABELLINGS = 50  # answers, as a person would give them before the teacher learns


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    seeds: Sequence[int]
    answers: Sequence[int]
    weights: Sequence[str]


def measure(quick: bool) -> Mapping[str, Any]:
    """Precision, coverage and false acceptance by answers, policy, gate and query."""
    shared = find_shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    folder = Path(tempfile.mkdtemp(prefix="ephyra-labeling-"))
    backbones = _list_backbones(shared)
    full = Scale(range(5), (0, 50, 100, 200), tuple(backbones))
    scale = Scale((0,), (0, 100), ("both",)) if quick else full
    world = _create_base_workspace(
        folder / "base", shared / "data" / "caltech_open", backbones["both"]
    )
    rows = [
        row
        for weights in scale.weights
        for seed in scale.seeds
        for row in _run_seed(
            folder,
            world,
            seed,
            backbones=backbones[weights],
            weights=weights,
            answers=scale.answers,
        )
    ]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "arms.csv", index=False)
    goals, ratios = check_goals(table)
    of_ends = table["arm"].isin(ENDS)
    return {
        "decisions": str(folder / "decisions"),
        "arms": str(folder / "arms.csv"),
        "ours": average_seeds(table[~of_ends]),
        "peers": average_seeds(table[of_ends]),
        "calibration error out of fold": _average_calibration_errors(table[table["answers"] == 0]),
        "ratios": ratios,
        "goals": goals,
    }


def _average_calibration_errors(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Average calibration errors before and after the temperature, by weights."""
    errors = table.groupby("weights")[["before", "after"]].mean().round(4)
    return {
        str(name): {"before": float(row["before"]), "after": float(row["after"])}
        for name, row in errors.iterrows()
    }


def _list_backbones(shared: Path) -> dict[str, tuple[BackboneSpec, ...]]:
    lite, mobile = build_backbone_spec(shared, LITE), build_backbone_spec(shared, MOBILE)
    return {"both": (lite, mobile), "lite0": (lite,), "mobilenetv2": (mobile,)}


def _create_base_workspace(folder: Path, data: Path, backbones: Sequence[BackboneSpec]) -> World:
    """Create a workspace: import, collect, group, compute every feature once."""
    with Registry.open(folder) as registry:
        import_folder(registry, data / "labelled")
        settings = CollectSettings(check=CheckSettings(min_side=32))
        collect(registry, FolderProvider(data / "pool", data / "truth.csv"), [], settings)
        link_images_by_hashes(registry, Radii())
        update_groups(registry)
        assign_splits(registry, SplitSettings(val=0.01, test=0.01))  # nearly all of it teaches
        PoolFeatures(registry, backbones, SilentProgress())(sorted(registry.find_known_images()))
    truth = pd.read_csv(data / "truth.csv").fillna("")
    names = [compute_sha256((data / "pool" / file).read_bytes()) for file in truth["file"]]
    classes = sorted(set(truth["class"]) - {""})
    return World(dict(zip(names, truth["class"], strict=True)), {name: name for name in classes})


def _run_seed(
    folder: Path,
    world: World,
    seed: int,
    *,
    backbones: tuple[BackboneSpec, ...],
    weights: str,
    answers: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """Every arm with every number of answers, in a workspace of its own."""
    place = folder / f"{weights}-{seed}"
    shutil.copytree(folder / "base", place)
    settings = LabelSettings(
        TeacherSpec(backbones[0], further=backbones[1:], seed=seed),
        class_of_query=world.queries,
    )
    asked = world.may_be_asked(seed)
    scored = world.truth.keys() - asked
    with Registry.open(place) as registry:
        for wanted in answers:
            started = time.perf_counter()
            found = _answer_queue(registry, settings, world, asked, wanted)
            seconds = round(time.perf_counter() - started, 1)
            about = {
                "weights": weights,
                "seed": seed,
                "answers": wanted,
                "seconds": seconds,
                **compute_calibration_errors(found),
            }
            for arm, given in _list_arms(settings).items():
                decisions = [item for item in decide(found, given) if item.sha256 in scored]
                table = pd.DataFrame([vars(item) for item in decisions])
                _write(folder / "decisions" / f"{weights}-{seed}-{wanted}", arm, table, world)
                accepted = {
                    i.sha256: i.class_name for i in decisions if i.verdict == Verdict.ACCEPTED
                }
                order, judged = _order_by_score(found, given, scored)
                yield {**about, "arm": arm, **score(accepted, order, judged, scored, world)}
        for arm, order in rank_by_bounds(registry, world, asked, backbones).items():
            accepted = {name: said for name, said, chance in order if chance >= settings.threshold}
            about = {"weights": weights, "seed": seed, "answers": 0, "arm": arm}
            yield {**about, **score(accepted, order, order, scored, world)}
            table = pd.DataFrame(order, columns=["sha256", "class_name", "confidence"])
            _write(folder / "decisions" / f"{weights}-{seed}", arm, table, world)
    shutil.rmtree(place)


def _list_arms(settings: LabelSettings) -> dict[str, LabelSettings]:
    return {
        f"{policy}, gate {'on' if gate else 'off'}, query {'on' if query else 'off'}": replace(
            settings, policy=policy, heed_gate=gate, heed_query=query
        )
        for policy in ("certified", "threshold")
        for gate in (True, False)
        for query in (True, False)
    }


def _answer_queue(
    registry: Registry, settings: LabelSettings, world: World, asked: frozenset[str], wanted: int
) -> Round:
    """Run the round after this many answers, given in the queue's order."""
    found = gather_round(registry, settings, SilentProgress())
    given = len(world.truth) - len(found.pool)
    while given < wanted:
        record_decisions(registry, decide(found, settings))
        rank_questions(registry, found)
        queue = [name for name in load_waiting_images(registry)["sha256"] if name in asked]
        batch = queue[: min(BETWEEN_LABELLINGS, wanted - given)]
        record_annotations(
            registry,
            [
                Annotation(sha256=name, class_name=world.truth[name], person="truth")
                for name in batch
            ],
        )
        given += len(batch)
        found = gather_round(registry, settings, SilentProgress())
    return found


def _order_by_score(
    found: Round, settings: LabelSettings, scored: Set[str]
) -> tuple[list[Ranked], list[Ranked]]:
    """Order what the arm would accept by score, and all that it judges."""
    policy = build_policy(found, settings)
    if isinstance(policy, CertifiedPolicy):
        loose: Policy | CertifiedPolicy = replace(
            policy, plain=replace(policy.plain, threshold=0.0), least_right=0.0
        )
    else:
        loose = replace(policy, threshold=0.0)
    order, judged = [], []
    for name in scored & set(found.single["sha256"]):
        item, queries = found.predictions[name], found.query_classes.get(name, ())
        judged.append((name, *_judge(policy, item, queries)))
        if loose.decide("", item, queries).verdict == Verdict.ACCEPTED:
            order.append(judged[-1])
    return sorted(order, key=lambda row: (-row[2], row[0])), judged


def _judge(
    policy: Policy | CertifiedPolicy, item: Prediction, queries: Collection[str]
) -> tuple[str, float]:
    """Judge an image as the policy does: its class, and the chance that it is right."""
    if isinstance(policy, CertifiedPolicy):
        estimate = policy.estimate(item, queries)
        return estimate.class_name, estimate.right
    return item.class_name, item.confidence


def _write(folder: Path, arm: str, table: pd.DataFrame, world: World) -> None:
    table["truth"] = table["sha256"].map(world.truth)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / f"{arm}.csv")


if __name__ == "__main__":
    run_benchmark("labeling", measure)
