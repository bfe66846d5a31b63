"""A round: the teacher, what it says of the pool, and what else speaks for each image."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from data_registry.arrays import Float32Array
from data_registry.labels.decisions import (
    Prediction,
    load_predictions,
    record_predictions,
    record_teacher,
)
from data_registry.labels.out_of_fold import write_out_of_fold
from data_registry.pool import load_pool, load_pool_queries
from data_registry.progress import Progress, report_phase
from data_registry.registry import Registry
from labeling.audit.audit import load_certified_bound
from labeling.open_set.evidence import Evidence, PoolState, estimate_evidence
from labeling.open_set.open_set import OpenImages
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.fitting import fit_teacher
from labeling.teacher.labelled import (
    LabelledImages,
    find_withheld_answers,
    load_labelled_images,
    load_none_of_the_classes,
)
from labeling.teacher.teacher import Teacher, compute_teacher_id
from labeling.teacher.teacher_features import PoolFeatures

SHARD = 256  # predictions written in one transaction


@dataclass(frozen=True, kw_only=True)
class Round:
    """All that the decisions rest on.

    Attributes:
        teacher: fitted on the labelled images.
        pool: see `data_registry.pool.load_pool`.
        predictions: by SHA-256.
        query_classes: classes whose queries found an image of the pool, by SHA-256.
        evidence: the learnt gate and the query's weight.
        labelled: what the teacher learnt from.
        labelled_features: theirs, shape (l, d).
        features: of the pool's images that are no copies, shape (n, d), in the pool's order.
        audited_bound: least chance of being right that this teacher's audit certified, or 0.
    """

    teacher: Teacher
    pool: pd.DataFrame
    predictions: Mapping[str, Prediction]
    query_classes: Mapping[str, Collection[str]]
    evidence: Evidence
    labelled: LabelledImages
    labelled_features: Float32Array
    features: Float32Array
    audited_bound: float = 0.0

    @property
    def single(self) -> pd.DataFrame:
        """The pool's images that are no copies."""
        return self.pool[self.pool["copy_of"] == ""]


def gather_round(registry: Registry, settings: LabelSettings, progress: Progress) -> Round:
    """Fit the teacher, predict the pool, learn the gate. Doing it again gives the same.

    The teacher, what it says of the labelled images out of fold and what it says of the pool
    are recorded.

    Raises:
        InputError: too few labelled images to check a teacher on.
        WeightsError: a backbone cannot be loaded.
    """
    with report_phase(progress, "reading what people labelled", None):
        labelled = load_labelled_images(registry)
    features_of = PoolFeatures(registry, settings.teacher.backbones, progress)
    teacher = _fit_teacher(registry, settings, labelled, features_of, progress)
    names = labelled.sha256, labelled.class_names
    write_out_of_fold(registry, teacher.teacher_id, *names, teacher.held_out)
    record_teacher(registry, teacher.teacher_id, teacher.card)
    pool = load_pool(registry)
    predictions = _predict_pool(registry, teacher, list(pool["sha256"]), features_of, progress)
    with report_phase(progress, "learning what is none of the classes", None):
        current = _build_round(
            registry, settings, teacher, labelled, features_of, pool=pool, predictions=predictions
        )
    return replace(
        current, audited_bound=_load_audited_bound(registry, settings, teacher.teacher_id)
    )


def gather_round_without(
    registry: Registry, settings: LabelSettings, held_out: Collection[str], progress: Progress
) -> Round | None:
    """Gather the round as if nobody had named the held-out images. Nothing is recorded.

    What an audit of the real teacher allows stays allowed: its answers are about the pool, and
    belong to the policy.

    Args:
        registry: what is known.
        settings: as for `gather`.
        held_out: SHA-256 of labelled images; their groups are left out with them.
        progress: told of features and fine-tuning.

    Returns:
        None where too few images are left to check a teacher on.

    Raises:
        WeightsError: a backbone cannot be loaded.
    """
    everything = load_labelled_images(registry)
    labelled = everything.exclude_images(held_out)
    if not labelled.can_be_folded:
        return None
    features_of = PoolFeatures(registry, settings.teacher.backbones, progress)
    teacher = _fit_teacher(registry, settings, labelled, features_of, progress)
    pool = load_pool(registry)
    names = list(pool["sha256"])
    predictions = {item.sha256: item for item in teacher.predict(names, features_of(names))}
    current = _build_round(
        registry, settings, teacher, labelled, features_of, pool=pool, predictions=predictions
    )
    audited = compute_teacher_id(settings.teacher, features_of.fingerprint, everything)
    return replace(current, audited_bound=_load_audited_bound(registry, settings, audited))


def _fit_teacher(
    registry: Registry,
    settings: LabelSettings,
    labelled: LabelledImages,
    features_of: PoolFeatures,
    progress: Progress,
) -> Teacher:
    features = features_of(labelled.sha256)
    with report_phase(progress, "fitting the teacher on folds", None):
        return fit_teacher(
            registry,
            settings.teacher,
            threshold=settings.threshold,
            fingerprint=features_of.fingerprint,
            labelled=labelled,
            features=features,
            progress=progress,
        )


def _build_round(
    registry: Registry,
    settings: LabelSettings,
    teacher: Teacher,
    labelled: LabelledImages,
    features_of: PoolFeatures,
    *,
    pool: pd.DataFrame,
    predictions: Mapping[str, Prediction],
) -> Round:
    current = Round(
        teacher=teacher,
        pool=pool,
        predictions=predictions,
        query_classes=_load_query_classes(registry, settings.class_of_query),
        evidence=Evidence(),
        labelled=labelled,
        labelled_features=features_of(labelled.sha256),
        features=features_of(list(pool["sha256"][pool["copy_of"] == ""])),
    )
    if settings.policy == "threshold":
        return current
    return replace(current, evidence=_estimate_evidence(registry, settings, current, features_of))


def _load_audited_bound(registry: Registry, settings: LabelSettings, name: str) -> float:
    if settings.policy == "threshold":
        return 0.0
    return load_certified_bound(registry, name, settings.target) or 0.0


def _estimate_evidence(
    registry: Registry,
    settings: LabelSettings,
    current: Round,
    features_of: PoolFeatures,
) -> Evidence:
    labelled, none = current.labelled, load_none_of_the_classes(registry)
    # Answered for an audit and not published: of the pool still, as if nobody had said anything.
    silent = sorted(find_withheld_answers(registry) - registry.find_labelled_images())
    pool = sorted({*current.single["sha256"], *silent})
    features = features_of([*labelled.sha256, *none, *pool])
    images = OpenImages(labelled, tuple(none), tuple(pool), features)
    predictions = {name: current.predictions[name] for name in current.single["sha256"]}
    apart = current.teacher.predict(none, features_of(none))
    for item in (*apart, *current.teacher.build_held_out_predictions(labelled)):
        if item.sha256 in labelled.answered or item.sha256 in none:
            predictions[item.sha256] = item
    answers = dict.fromkeys(none, "")
    for name, class_index in zip(labelled.sha256, labelled.classes.tolist(), strict=True):
        if name in labelled.answered:
            answers[name] = labelled.class_names[class_index]
    state = PoolState(predictions, current.query_classes, answers)
    return estimate_evidence(images, current.teacher, settings.teacher, state)


def _load_query_classes(
    registry: Registry, class_of_query: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(class_of_query[query] for query in queries if query in class_of_query)
        for name, queries in load_pool_queries(registry).items()
    }


def _predict_pool(
    registry: Registry,
    teacher: Teacher,
    sha256s: Sequence[str],
    features_of: PoolFeatures,
    progress: Progress,
) -> dict[str, Prediction]:
    """Predict the pool; predictions that the teacher made before are loaded."""
    known = load_predictions(registry, teacher.teacher_id)
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
