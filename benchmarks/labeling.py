"""Labelling an open pool: the plain 0.95, the certified policy with answers, and the ceiling.

The pool of `caltech_open` holds things of no labelled class. A fixed random half of it may be
asked about, in the order of the review queue; the other half is scored and never asked about. The
product's own stages run: import, group, label, review.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from benchmarks._common import main, shared_folder
from collectors.collect import CollectSettings, collect
from collectors.image_check import CheckSettings
from collectors.providers.folder import FolderProvider
from data_registry.annotations import Annotation, record_annotations
from data_registry.decisions import Decision, Prediction, record_decisions
from data_registry.grouping import link_by_hashes, regroup
from data_registry.hashing import sha256_of
from data_registry.importing import import_folder
from data_registry.near_duplicates import Radii
from data_registry.progress import Silent
from data_registry.registry import Registry
from data_registry.splits import SplitSettings, assign_splits, draw_number
from flows.overview import write_csv
from labeling.certified import CertifiedPolicy
from labeling.features import PoolFeatures
from labeling.gate import Features, unit
from labeling.label import decide, policy_of
from labeling.labelled import labelled_images
from labeling.policy import ACCEPTED, Policy
from labeling.questions import ask_first
from labeling.review import waiting
from labeling.round import Round, gather
from labeling.settings import LabelSettings
from labeling.teacher import TeacherSpec
from train.backbones import BackboneSpec
from train.intervals import wilson

HALF = (0.5, 0.5, 0.5)
BETWEEN_LABELLINGS = 50  # answers, as a person would give them before the teacher learns
BARE, BARE_LOOSE, CEILING = "bare 0.95", "bare 0.95, C = 1000", "ceiling"
ENDS = (BARE, BARE_LOOSE, CEILING)
BEST = "certified, gate on, query on"
COVERAGES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
GOALS = {0: (0.93, 0.60), 100: (0.95, 0.70)}
WAY = 2 / 3  # from bare to ceiling
Ranked = tuple[str, str, float]  # image, class, chance


@dataclass(frozen=True)
class World:
    """The pool's truth, and who may be asked about what.

    Attributes:
        truth: SHA-256 to class, empty for none of them.
        queries: class to class; the folder's queries are class names.
    """

    truth: Mapping[str, str]
    queries: Mapping[str, str]

    def may_be_asked(self, seed: int) -> frozenset[str]:
        """A fixed random half of the pool."""
        ordered = sorted(self.truth, key=lambda name: draw_number(seed, name))
        return frozenset(ordered[: len(ordered) // 2])


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    seeds: Sequence[int]
    answers: Sequence[int]
    weights: Sequence[str]


def measure(quick: bool) -> Mapping[str, Any]:
    """Precision, coverage and false acceptance by answers, policy, gate and query."""
    shared = shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    folder = Path(tempfile.mkdtemp(prefix="ephyra-labeling-"))
    backbones = _backbones(shared)
    full = Scale(range(5), (0, 50, 100, 200), tuple(backbones))
    scale = Scale((0,), (0, 100), ("both",)) if quick else full
    world = _base_workspace(folder / "base", shared / "data" / "caltech_open", backbones["both"])
    rows = [
        row
        for weights in scale.weights
        for seed in scale.seeds
        for row in _seed(
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
    goals, ratios = _goals(table)
    ends = table["arm"].isin(ENDS)
    return {
        "decisions": str(folder / "decisions"),
        "arms": str(folder / "arms.csv"),
        "ours": _means(table[~ends]),
        "peers": _means(table[ends]),
        "ratios": ratios,
        "goals": goals,
    }


def _backbones(shared: Path) -> dict[str, tuple[BackboneSpec, ...]]:
    weights = shared / "weights"
    lite = BackboneSpec(
        "tf_efficientnet_lite0",
        str(weights / "tf_efficientnet_lite0_backbone.pth"),
        mean=HALF,
        std=HALF,
    )
    mobile = BackboneSpec(
        "mobilenetv2_100",
        str(weights / "mobilenetv2_100.pth"),
        model_args={"pad_type": "same", "bn_eps": 1e-3},
        mean=HALF,
        std=HALF,
    )
    return {"both": (lite, mobile), "lite0": (lite,), "mobilenetv2": (mobile,)}


def _base_workspace(folder: Path, data: Path, backbones: Sequence[BackboneSpec]) -> World:
    """Imported, collected, grouped, and every feature computed once."""
    with Registry.open(folder) as registry:
        import_folder(registry, data / "labelled")
        settings = CollectSettings(check=CheckSettings(min_side=32))
        collect(registry, FolderProvider(data / "pool", data / "truth.csv"), [], settings)
        link_by_hashes(registry, Radii())
        regroup(registry)
        assign_splits(registry, SplitSettings(val=0.01, test=0.01))  # nearly all of it teaches
        PoolFeatures(registry, backbones, Silent())(sorted(registry.known_images()))
    truth = pd.read_csv(data / "truth.csv").fillna("")
    names = [sha256_of((data / "pool" / file).read_bytes()) for file in truth["file"]]
    classes = sorted(set(truth["class"]) - {""})
    return World(dict(zip(names, truth["class"], strict=True)), {name: name for name in classes})


def _seed(
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
            found = _answered(registry, settings, world, asked, wanted)
            seconds = round(time.perf_counter() - started, 1)
            about = {"weights": weights, "seed": seed, "answers": wanted, "seconds": seconds}
            for arm, given in _arms(settings).items():
                decisions = [item for item in decide(found, given) if item.sha256 in scored]
                _write(folder / "decisions" / f"{weights}-{seed}-{wanted}", arm, decisions, world)
                accepted = {i.sha256: i.class_name for i in decisions if i.verdict == ACCEPTED}
                order = _order(found, given, scored)
                yield {**about, "arm": arm, **_scored(accepted, order, scored, world)}
        for arm, order in _ends(registry, world, asked, backbones).items():
            accepted = {name: said for name, said, chance in order if chance >= settings.threshold}
            about = {"weights": weights, "seed": seed, "answers": 0, "arm": arm}
            yield {**about, **_scored(accepted, order, scored, world)}
            _write_rows(folder / "decisions" / f"{weights}-{seed}", arm, order, world)
    shutil.rmtree(place)


def _arms(settings: LabelSettings) -> dict[str, LabelSettings]:
    return {
        f"{policy}, gate {'on' if gate else 'off'}, query {'on' if query else 'off'}": replace(
            settings, policy=policy, heed_gate=gate, heed_query=query
        )
        for policy in ("certified", "threshold")
        for gate in (True, False)
        for query in (True, False)
    }


def _answered(
    registry: Registry, settings: LabelSettings, world: World, asked: frozenset[str], wanted: int
) -> Round:
    """The round after so many answers, given in the order of the queue."""
    found = gather(registry, settings, Silent())
    given = len(world.truth) - len(found.pool)
    while given < wanted:
        record_decisions(registry, decide(found, settings))
        ask_first(registry, found)
        queue = [name for name in waiting(registry)["sha256"] if name in asked]
        batch = queue[: min(BETWEEN_LABELLINGS, wanted - given)]
        record_annotations(
            registry, [Annotation(name, world.truth[name], "truth") for name in batch]
        )
        given += len(batch)
        found = gather(registry, settings, Silent())
    return found


def _order(found: Round, settings: LabelSettings, scored: Set[str]) -> list[Ranked]:
    """What the arm would accept with its threshold moved: the surest first."""
    policy = policy_of(found, settings)
    if isinstance(policy, CertifiedPolicy):
        loose: Policy | CertifiedPolicy = replace(
            policy, plain=replace(policy.plain, threshold=0.0), least_right=0.0
        )
        chance = policy.right
    else:
        loose = replace(policy, threshold=0.0)
        chance = _confidence
    rows = []
    for name in found.single["sha256"]:
        item, queries = found.predictions[name], found.query_classes.get(name, ())
        if name in scored and loose.decide("", item, queries).verdict == ACCEPTED:
            rows.append((name, item.class_name, chance(item, queries)))
    return sorted(rows, key=lambda row: -row[2])


def _confidence(prediction: Prediction, _: Collection[str]) -> float:
    return prediction.confidence


def _ends(
    registry: Registry, world: World, asked: Set[str], backbones: Sequence[BackboneSpec]
) -> dict[str, list[Ranked]]:
    """The two ends of the scale: a head on the labelled alone, and one on all answers as well."""
    labelled_set = LabelledSet.of(registry, world, backbones)
    scored = sorted(world.truth.keys() - asked)
    bare = {arm: labelled_set.head((), c) for arm, c in ((BARE, 100.0), (BARE_LOOSE, 1000.0))}
    heads = {**bare, CEILING: labelled_set.head(sorted(asked), 100.0)}
    return {arm: labelled_set.ranked(head, scored) for arm, head in heads.items()}


@dataclass(frozen=True)
class LabelledSet:
    """What plain heads learn from: the imported images, and the pool's truth.

    Attributes:
        features: gives unit vectors of images.
        imported: SHA-256 to class.
        truth: of the pool.
    """

    features: Callable[[Sequence[str]], Features]
    imported: Mapping[str, str]
    truth: Mapping[str, str]

    @staticmethod
    def of(registry: Registry, world: World, backbones: Sequence[BackboneSpec]) -> "LabelledSet":
        """From a workspace."""
        features_of = PoolFeatures(registry, backbones, Silent())
        labelled = labelled_images(registry)
        imported = {
            name: labelled.class_names[index]
            for name, index in zip(labelled.sha256, labelled.classes.tolist(), strict=True)
            if name not in labelled.answered
        }
        return LabelledSet(lambda names: unit(features_of(names)), imported, world.truth)

    def head(self, asked: Sequence[str], strength: float) -> LogisticRegression:
        """Logistic regression on the imported and the asked images."""
        names = [*self.imported, *asked]
        classes = [*self.imported.values(), *(self.truth[name] for name in asked)]
        return LogisticRegression(C=strength, max_iter=2000).fit(self.features(names), classes)

    def ranked(self, head: LogisticRegression, names: Sequence[str]) -> list[Ranked]:
        """The images that are not most likely none of the classes, the surest first."""
        chances = head.predict_proba(self.features(names))
        none = head.classes_ == ""
        chances[:, none] = 0.0
        best = chances.argmax(axis=1)
        rows = [
            (name, str(head.classes_[index]), float(row[index]))
            for name, index, row in zip(names, best, chances, strict=True)
        ]
        return sorted(rows, key=lambda row: -row[2])


def _scored(
    accepted: Mapping[str, str], order: Sequence[Ranked], scored: Set[str], world: World
) -> dict[str, Any]:
    """Of the scored half: what was accepted, and the precision at given coverages."""
    known = sum(bool(world.truth[name]) for name in scored)
    right = sum(world.truth[name] == said for name, said in accepted.items())
    others = sum(not world.truth[name] for name in accepted)
    hits = np.cumsum([world.truth[name] == said for name, said, _ in order])
    at = {
        f"precision at {coverage:g}": _precision_at(hits, coverage * known)
        for coverage in COVERAGES
    }
    return {
        "accepted": len(accepted),
        "right": right,
        "in class": known,
        "others": len(scored) - known,
        "others accepted": others,
        **at,
    }


def _precision_at(hits: npt.NDArray[np.int64], wanted: float) -> float:
    place = int(np.searchsorted(hits, wanted - 1e-9))
    return float(hits[place] / (place + 1)) if place < len(hits) else float("nan")


def _means(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Each arm over its seeds, counts put together."""
    rows = []
    for (weights, arm, answers), part in table.groupby(["weights", "arm", "answers"]):
        sums = part[["accepted", "right", "in class", "others", "others accepted"]].sum()
        # Seeds score overlapping halves of one pool: the interval counts one seed's images.
        each = max(round(sums["accepted"] / len(part)), 1)
        share = sums["right"] / max(sums["accepted"], 1)
        interval = wilson(share * each, each)
        rows.append(
            {
                "weights": weights,
                "arm": arm,
                "answers": answers,
                "precision": round(float(share), 4),
                "interval": [round(interval.low, 4), round(interval.high, 4)],
                "coverage": round(float(sums["right"] / sums["in class"]), 4),
                "others accepted": round(float(sums["others accepted"] / sums["others"]), 4),
                "accepted of one seed": each,
                **{
                    name: round(float(part[name].mean()), 4)
                    for name in part
                    if name.startswith("precision at") and part[name].notna().all()
                },
            }
        )
    return rows


def _goals(table: pd.DataFrame) -> tuple[dict[str, bool], dict[str, float]]:
    """From both weights: what was reached, and the part of the way from bare to ceiling."""
    both = _means(table[table["weights"] == "both"])
    found = {(row["arm"], row["answers"]): row for row in both}
    goals, ratios = {}, {}
    for answers, (precision, coverage) in GOALS.items():
        row = found[BEST, answers]
        words = f"{answers} answers: precision {precision} at coverage {coverage}"
        goals[words] = row["precision"] >= precision and row["coverage"] >= coverage
        at = f"precision at {coverage:g}"
        ratios[f"{answers} answers, {at}"] = row[at]
        bare, ceiling = found[BARE, 0][at], found[CEILING, 0][at]
        way = (row[at] - bare) / (ceiling - bare)
        ratios[f"{answers} answers, way from bare to ceiling at {coverage:g}"] = round(way, 3)
        goals[f"{answers} answers: two thirds of the way at {coverage:g}"] = way >= WAY
    return goals, ratios


def _write(folder: Path, arm: str, decisions: Sequence[Decision], world: World) -> None:
    table = pd.DataFrame([vars(item) for item in decisions])
    table["truth"] = table["sha256"].map(world.truth)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / f"{arm}.csv")


def _write_rows(folder: Path, arm: str, order: Sequence[Ranked], world: World) -> None:
    table = pd.DataFrame(order, columns=["sha256", "class_name", "confidence"])
    table["truth"] = table["sha256"].map(world.truth)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / f"{arm}.csv")


if __name__ == "__main__":
    main("labeling", measure)
