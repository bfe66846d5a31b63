"""One labelling round on features alone: the product's teacher, evidence and policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from benchmarks._growth_sets import NO_CLASS, GrowthSet
from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Decision, Prediction
from data_registry.vocabulary import Verdict
from labeling.open_set.evidence import Evidence, PoolState, estimate_evidence
from labeling.open_set.open_set import OpenImages
from labeling.policy.certified import CertifiedPolicy, tighten_policy
from labeling.policy.policy import Policy
from labeling.rounds.acquisition import compute_answer_worth, select_questions
from labeling.teacher.calibration import compute_probabilities, fit_temperature
from labeling.teacher.gate import fit_gate
from labeling.teacher.labelled import BoolArray, IntArray, LabelledImages
from labeling.teacher.probe import fit_probe
from labeling.teacher.teacher import Teacher
from labeling.teacher.teacher_card import TeacherCard
from labeling.teacher.teacher_spec import TeacherSpec

TARGET = 0.95


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What a round makes of the pool's images that nobody answered.

    Attributes:
        pool: shape (n,), their positions in the set's pool.
        classes: shape (n,), the class that the policy gives each.
        chances: shape (n,), to be right.
        accepted, sure: shape (n,), by the policy and by the plain threshold of confidence.
        teacher_classes: shape (n,).
        known: shape (n,), chance to show any class.
        confidence: shape (n,), the teacher's.
        evidence: behind them.
    """

    pool: IntArray
    classes: IntArray
    chances: Float64Array
    accepted: BoolArray
    sure: BoolArray
    teacher_classes: IntArray
    known: Float64Array
    confidence: Float64Array
    evidence: Evidence


def label_round(images: GrowthSet, answers: Mapping[int, int], heed_query: bool) -> Labelled:
    """Label a set's pool.

    Args:
        images: the set.
        answers: pool position to class, `NO_CLASS` for none of them.
        heed_query: use the queries.
    """
    named = sorted(index for index, answer in answers.items() if answer != NO_CLASS)
    none = sorted(answers.keys() - set(named))
    rest = [index for index in range(len(images.truth)) if index not in answers]
    labelled = _build_labelled(images, named, [answers[index] for index in named])
    features = np.vstack([images.labelled, images.pool[[*named, *none, *rest]]])
    spec = TeacherSpec()
    teacher = _fit_teacher(labelled, features[: len(labelled)], spec)
    open_images = OpenImages(labelled, tuple(map(_name, none)), tuple(map(_name, rest)), features)
    names = images.class_names
    queries = {
        _name(index): {names[query]}
        for index, query in enumerate(images.queries.tolist())
        if heed_query and query != NO_CLASS
    }
    predictions = teacher.predict(open_images.pool, features[-len(rest) :])
    state = _build_state(open_images, teacher, predictions, queries)
    evidence = estimate_evidence(open_images, teacher, spec, state)
    plain = Policy(TARGET, teacher.gate.bound, heed_query)
    policy = tighten_policy(
        CertifiedPolicy(plain=plain, evidence=evidence, target=TARGET), predictions, queries
    )
    decisions = [policy.decide("", item, queries.get(item.sha256, ())) for item in predictions]
    thresholded = [plain.decide("", item, queries.get(item.sha256, ())) for item in predictions]
    return Labelled(
        pool=np.array(rest),
        classes=np.array([names.index(item.class_name) for item in decisions]),
        chances=np.array([item.confidence for item in decisions]),
        accepted=_find_accepted(decisions),
        sure=_find_accepted(thresholded),
        teacher_classes=np.array([names.index(item.class_name) for item in predictions]),
        known=np.array([evidence.estimate_known(item.sha256) for item in predictions]),
        confidence=np.array([item.confidence for item in predictions]),
        evidence=evidence,
    )


def choose_questions(
    images: GrowthSet, labelled: Labelled, count: int, how: str, random: np.random.Generator
) -> IntArray:
    """Choose pool images to ask about: by ``acquisition``, ``uncertainty`` or ``random``."""
    if how == "random":
        return random.choice(labelled.pool, count, replace=False)
    if how == "uncertainty":
        doubt = np.minimum(labelled.chances, 1 - labelled.chances)
        return labelled.pool[np.argsort(-doubt, kind="stable")[:count]]
    worth = compute_answer_worth(labelled.confidence, labelled.known)
    names = list(map(_name, labelled.pool.tolist()))
    order = select_questions(names, worth, images.pool[labelled.pool], count)
    return np.array([int(name) for name in order])


def _name(index: int) -> str:
    return f"{index:064d}"


def _build_labelled(
    images: GrowthSet, named: Sequence[int], classes: Sequence[int]
) -> LabelledImages:
    imported = [f"labelled {index:05d}" for index in range(len(images.labelled))]
    answered = list(map(_name, named))
    return LabelledImages(
        sha256=(*imported, *answered),
        classes=np.concatenate([images.labelled_classes, np.array(classes, dtype=np.int64)]),
        groups=(*imported, *answered),
        class_names=images.class_names,
        answered=frozenset(answered),
    )


def _fit_teacher(labelled: LabelledImages, features: object, spec: TeacherSpec) -> Teacher:
    vectors = np.asarray(features, dtype=np.float32)
    fit, fair = fit_probe(labelled, vectors, spec), labelled.is_unbiased_sample
    temperature = fit_temperature(
        fit.held_out_logits[fair], labelled.classes[fair], labelled.weights[fair]
    )
    return Teacher(
        teacher_id="",
        class_names=labelled.class_names,
        members=fit.members,
        temperature=temperature,
        gate=fit_gate(labelled, vectors, spec.gate_quantile),
        card=cast(TeacherCard, {}),  # nothing here reads it
        held_out=compute_probabilities(fit.held_out_logits, temperature),
    )


def _build_state(
    images: OpenImages,
    teacher: Teacher,
    predictions: Sequence[Prediction],
    queries: Mapping[str, set[str]],
) -> PoolState:
    """Build what `labeling.rounds.round` builds from a registry."""
    labelled, count = images.labelled, len(images.labelled)
    none = teacher.predict(images.none, images.features[count : count + len(images.none)])
    held_out = teacher.build_held_out_predictions(labelled)
    apart = [item for item in (*none, *held_out) if not item.sha256.startswith("labelled")]
    answers = dict.fromkeys(images.none, "")
    for name, class_index in zip(labelled.sha256, labelled.classes.tolist(), strict=True):
        if name in labelled.answered:
            answers[name] = labelled.class_names[class_index]
    return PoolState({item.sha256: item for item in (*predictions, *apart)}, queries, answers)


def _find_accepted(decisions: Sequence[Decision]) -> BoolArray:
    return np.array([item.verdict == Verdict.ACCEPTED for item in decisions], dtype=np.bool_)
