"""The labelling stage: fit the round's teacher, predict the pool, decide, write it down."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from data_registry.decisions import (
    Decision,
    Prediction,
    predictions_of,
    record_decisions,
    record_predictions,
    record_teacher,
)
from data_registry.pool import pool_images
from data_registry.progress import Progress, Silent
from data_registry.registry import Registry
from labeling.fitting import fit_teacher
from labeling.gate import Features
from labeling.labelled import labelled_images
from labeling.policy import ACCEPTED, Policy
from labeling.teacher import Teacher, TeacherSpec
from train.backbones import load_backbone
from train.feature_store import FeatureStore

SHARD = 256  # predictions written in one transaction

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelSettings:
    """How the pool is labelled.

    Attributes:
        teacher: see `labeling.teacher.TeacherSpec`.
        threshold: calibrated confidence that is accepted without a person.
        heed_query: a query that names another class sends an image to review.
        class_of_query: the class each search query was made for.
    """

    teacher: TeacherSpec = field(default_factory=TeacherSpec)
    threshold: float = 0.95
    heed_query: bool = True
    class_of_query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelSummary:
    """What labelling decided.

    Attributes:
        teacher_id: the round's teacher.
        pool: images without a person's word.
        verdicts: images per verdict.
        reasons: images per reason.
        accepted: accepted images per class.
        new_decisions: decisions that were not there before.
        card: what the labelled images say of the teacher, out of fold: an estimate.
    """

    teacher_id: str
    pool: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    accepted: dict[str, int]
    new_decisions: int
    card: Mapping[str, Any]


def label_pool(
    registry: Registry, settings: LabelSettings, progress: Progress | None = None
) -> LabelSummary:
    """Decide on every image of the pool. Doing it again changes nothing.

    Args:
        registry: grouped images, with a labelled set.
        settings: how to label.
        progress: told of every image.

    Raises:
        InputError: too few labelled images to check a teacher on.
        WeightsError: the backbone cannot be loaded.
    """
    progress = progress or Silent()
    labelled = labelled_images(registry)
    backbone = load_backbone(settings.teacher.backbone)
    store = FeatureStore(registry.files, backbone)

    def features_of(sha256s: Sequence[str]) -> Features:
        return store.features(sha256s, registry.read_image, progress)

    teacher = fit_teacher(
        registry,
        settings.teacher,
        threshold=settings.threshold,
        backbone=backbone,
        labelled=labelled,
        features=features_of(labelled.sha256),
        progress=progress,
    )
    record_teacher(registry, teacher.teacher_id, teacher.card)
    pool = pool_images(registry)
    predictions = _predictions(registry, teacher, list(pool["sha256"]), features_of, progress)
    decisions = _decisions(pool, predictions, teacher, settings)
    new = record_decisions(registry, decisions)
    for item in decisions if new else ():
        words = item.sha256[:12], item.verdict, item.class_name, item.confidence, item.detail
        _log.info("%s: %s as %s, %.2f: %s", *words)
    return _summary(teacher, decisions, new)


def _predictions(
    registry: Registry,
    teacher: Teacher,
    sha256s: Sequence[str],
    features_of: Callable[[Sequence[str]], Features],
    progress: Progress,
) -> dict[str, Prediction]:
    """The teacher's predictions; those it made before are not made again."""
    known = predictions_of(registry, teacher.teacher_id)
    missing = [name for name in sha256s if name not in known]
    features = features_of(missing)
    progress.start("predicting", len(missing))
    for start in range(0, len(missing), SHARD):
        shard = slice(start, start + SHARD)
        predicted = teacher.predict(missing[shard], features[shard])
        record_predictions(registry, teacher.teacher_id, predicted)
        known |= {item.sha256: item for item in predicted}
        progress.advance(len(predicted))
    progress.finish()
    return known


def _decisions(
    pool: pd.DataFrame,
    predictions: Mapping[str, Prediction],
    teacher: Teacher,
    settings: LabelSettings,
) -> list[Decision]:
    policy = Policy(settings.threshold, teacher.gate.bound, settings.heed_query)
    class_of_query = settings.class_of_query
    return [
        policy.decide(
            teacher.teacher_id,
            predictions[row["sha256"]],
            {class_of_query[query] for query in row["queries"] if query in class_of_query},
            row["copy_of"],
            row["copy_split"],
        )
        for row in pool.to_dict("records")
    ]


def _summary(teacher: Teacher, decisions: Sequence[Decision], new: int) -> LabelSummary:
    return LabelSummary(
        teacher_id=teacher.teacher_id,
        pool=len(decisions),
        verdicts=_counts(item.verdict for item in decisions),
        reasons=_counts(item.reason for item in decisions),
        accepted=_counts(item.class_name for item in decisions if item.verdict == ACCEPTED),
        new_decisions=new,
        card=teacher.card,
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
