"""The probe teacher on real photographs whose pool holds things that no label ever showed."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from collectors.checks.check_settings import CheckSettings
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.providers.folder import FolderProvider
from data_registry.duplicates.feature_evidence import link_images_by_features
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.images.hashing import compute_sha256
from data_registry.ingest.importing import import_folder
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.registry import Registry
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from labeling.rounds.label import LabelSummary, label_pool
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.teacher_spec import TeacherSpec
from train.evaluation.intervals import compute_exact_interval
from train.features.feature_store import FeatureStore
from train.models.backbones import load_backbone
from train.specs import BackboneSpec


def tell(line: str) -> None:
    """Shown by `pytest -s`, and beside a failure."""
    sys.stdout.write(f"{line}\n")


def with_interval(right: int, count: int) -> str:
    interval = compute_exact_interval(right, count)
    share = f"{right} of {count} = {interval.estimate:.3f}"
    return f"{share} ({interval.low:.3f} to {interval.high:.3f})"


def labelled_workspace(registry: Registry, data: Path, backbone: BackboneSpec) -> None:
    import_folder(registry, data / "labelled")
    settings = CollectSettings(check=CheckSettings(min_side=32))
    collect(registry, FolderProvider(data / "pool", data / "truth.csv"), [], settings)
    known = sorted(registry.find_known_images())
    features = FeatureStore(registry.files, load_backbone(backbone))
    link_images_by_hashes(registry, Radii())
    vectors = features.load_features(known, registry.read_image)
    link_images_by_features(registry, known, vectors, MatchThresholds())
    update_groups(registry)
    assign_splits(registry, SplitSettings(val=0.01, test=0.01))  # nearly all of it teaches


def pool_truth(data: Path) -> pd.DataFrame:
    """Columns sha256, query and class (empty: none of the 8)."""
    truth = pd.read_csv(data / "truth.csv").fillna("")
    names = [compute_sha256((data / "pool" / file).read_bytes()) for file in truth["file"]]
    return truth.assign(sha256=names)


def measured(
    registry: Registry, truth: pd.DataFrame, summary: LabelSummary, arm: str
) -> tuple[float, float]:
    """Precision of what was accepted, and the part of the in-class images that was rightly."""
    decisions = load_current_decisions(registry)[["sha256", "verdict", "class_name"]]
    rows = decisions[decisions["verdict"] == "accepted"].merge(truth, on="sha256")
    right, of_a_class = (
        int((rows["class_name"] == rows["class"]).sum()),
        int(truth["class"].ne("").sum()),
    )
    tell(f"\n{arm}: {summary.verdicts}")
    tell(f"  precision on the pool {with_interval(right, len(rows))}")
    tell(f"  coverage of in-class images {with_interval(right, of_a_class)}")
    return right / len(rows), right / of_a_class


@pytest.mark.slow
@pytest.mark.real_data
def test_caltech_open(registry: Registry, shared: Path) -> None:
    data = shared / "data" / "caltech_open"
    weights = shared / "weights" / "tf_efficientnet_lite0_backbone.pth"
    half = (0.5, 0.5, 0.5)
    backbone = BackboneSpec("tf_efficientnet_lite0", weights=str(weights), mean=half, std=half)
    labelled_workspace(registry, data, backbone)
    truth = pool_truth(data)
    queries = {name: name for name in set(truth["class"]) - {""}}

    gate_alone = LabelSettings(TeacherSpec(backbone), heed_query=False, policy="threshold")
    summary = label_pool(registry, gate_alone)
    fold = summary.card["out_of_fold"]
    tell(f"\nout of fold: accepted {with_interval(fold['accepted_right'], fold['accepted'])}")
    tell(f"  accuracy {fold['accuracy']:.3f}, temperature {fold['temperature']:.3f}")
    assert fold["accepted"] >= 80
    assert fold["accepted_right"] / fold["accepted"] >= 0.95
    assert fold["log_loss"] < fold["log_loss_uncalibrated"]
    gate_precision, _ = measured(registry, truth, summary, "gate")

    with_query = LabelSettings(TeacherSpec(backbone), class_of_query=queries, policy="threshold")
    summary = label_pool(registry, with_query)
    precision, coverage = measured(registry, truth, summary, "gate and query")
    assert summary.pool == 1048
    assert precision >= 0.80
    assert coverage >= 0.50
    assert precision > gate_precision
    # Of the things that are none of the 8, the gate turns most away.
    decisions = load_current_decisions(registry).merge(truth, on="sha256")
    others = decisions[decisions["class"] == ""]
    assert (others["reason"] == "unlike-labelled").mean() > 0.5
    # What the labelled photos promise is more than the pool keeps: only an audit certifies.
    assert fold["accepted_right"] / fold["accepted"] > precision

    digest = compute_canonical_digest(registry)
    assert label_pool(registry, with_query).new_decisions == 0
    assert compute_canonical_digest(registry) == digest
