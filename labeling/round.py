"""A round: the teacher, what it says of the pool, and what else speaks for each image."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from data_registry.decisions import (
    Prediction,
    predictions_of,
    record_predictions,
    record_teacher,
)
from data_registry.pool import pool_images, pool_queries
from data_registry.progress import Progress
from data_registry.registry import Registry
from labeling.audit import certified_bound
from labeling.evidence import Asked, Evidence, pool_evidence
from labeling.features import PoolFeatures
from labeling.fitting import fit_teacher
from labeling.gate import Features
from labeling.labelled import (
    LabelledImages,
    labelled_images,
    none_of_the_classes,
    withheld_answers,
)
from labeling.open_set import OpenImages
from labeling.settings import LabelSettings
from labeling.teacher import Teacher

SHARD = 256  # predictions written in one transaction


@dataclass(frozen=True)
class Round:
    """All that the decisions rest on.

    Attributes:
        teacher: fitted on the labelled images.
        pool: see `data_registry.pool.pool_images`.
        predictions: by SHA-256.
        query_classes: classes whose queries found an image of the pool, by SHA-256.
        evidence: the learnt gate and the query's weight.
        features: of the pool's images that are no copies, shape (n, d), in the pool's order.
        audited_bound: least chance of being right that this teacher's audit certified, or 0.
    """

    teacher: Teacher
    pool: pd.DataFrame
    predictions: Mapping[str, Prediction]
    query_classes: Mapping[str, Collection[str]]
    evidence: Evidence
    features: Features
    audited_bound: float = 0.0

    @property
    def single(self) -> pd.DataFrame:
        """The pool's images that are no copies."""
        return self.pool[self.pool["copy_of"] == ""]


def gather(registry: Registry, settings: LabelSettings, progress: Progress) -> Round:
    """Fit the teacher, predict the pool, learn the gate. Doing it again gives the same.

    Raises:
        InputError: too few labelled images to check a teacher on.
        WeightsError: a backbone cannot be loaded.
    """
    labelled = labelled_images(registry)
    features_of = PoolFeatures(registry, settings.teacher.backbones, progress)
    teacher = fit_teacher(
        registry,
        settings.teacher,
        threshold=settings.threshold,
        fingerprint=features_of.fingerprint,
        labelled=labelled,
        features=features_of(labelled.sha256),
        progress=progress,
    )
    record_teacher(registry, teacher.teacher_id, teacher.card)
    pool = pool_images(registry)
    predictions = _predictions(registry, teacher, list(pool["sha256"]), features_of, progress)
    queries = _query_classes(registry, settings.class_of_query)
    single = list(pool["sha256"][pool["copy_of"] == ""])
    round_ = Round(teacher, pool, predictions, queries, Evidence(), features_of(single))
    if settings.policy == "threshold":
        return round_
    evidence = _evidence(registry, settings, round_, labelled, features_of)
    bound = certified_bound(registry, teacher.teacher_id, settings.target) or 0.0
    return replace(round_, evidence=evidence, audited_bound=bound)


def _evidence(
    registry: Registry,
    settings: LabelSettings,
    found: Round,
    labelled: LabelledImages,
    features_of: PoolFeatures,
) -> Evidence:
    none = none_of_the_classes(registry)
    # Answered for an audit and not published: of the pool still, as if nobody had said anything.
    silent = sorted(withheld_answers(registry) - registry.labelled_images())
    pool = sorted({*found.single["sha256"], *silent})
    features = features_of([*labelled.sha256, *none, *pool])
    images = OpenImages(labelled, tuple(none), tuple(pool), features)
    predictions = {name: found.predictions[name] for name in found.single["sha256"]}
    apart = found.teacher.predict(none, features_of(none))
    for item in (*apart, *found.teacher.held_out_predictions(labelled)):
        if item.sha256 in labelled.answered or item.sha256 in none:
            predictions[item.sha256] = item
    answers = dict.fromkeys(none, "")
    for name, class_index in zip(labelled.sha256, labelled.classes.tolist(), strict=True):
        if name in labelled.answered:
            answers[name] = labelled.class_names[class_index]
    asked = Asked(predictions, found.query_classes, answers)
    return pool_evidence(images, found.teacher, settings.teacher, asked, settings.threshold)


def _query_classes(
    registry: Registry, class_of_query: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(class_of_query[query] for query in queries if query in class_of_query)
        for name, queries in pool_queries(registry).items()
    }


def _predictions(
    registry: Registry,
    teacher: Teacher,
    sha256s: Sequence[str],
    features_of: PoolFeatures,
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
