"""Fit the round's teacher."""

from data_registry.arrays import Float32Array
from data_registry.progress import Progress
from data_registry.registry import Registry
from labeling.teacher.calibration import compute_probabilities, fit_temperature
from labeling.teacher.finetune import fit_finetuned
from labeling.teacher.gate import fit_gate
from labeling.teacher.labelled import LabelledImages
from labeling.teacher.probe import fit_probe
from labeling.teacher.teacher import Teacher, compute_teacher_id, score_out_of_fold
from labeling.teacher.teacher_card import TeacherCard
from labeling.teacher.teacher_spec import TeacherSpec


def fit_teacher(
    registry: Registry,
    spec: TeacherSpec,
    *,
    threshold: float,
    fingerprint: str,
    labelled: LabelledImages,
    features: Float32Array,
    progress: Progress,
) -> Teacher:
    """Fit a teacher on the labelled images, with its card; nothing is recorded.

    Args:
        registry: where images are read, and where fine-tuned members are kept.
        spec: how to make it.
        threshold: confidence at which the card counts what would be accepted.
        fingerprint: of the backbones, see `labeling.features.PoolFeatures`.
        labelled: n train images that people named.
        features: theirs by the backbones, shape (n, d).
        progress: told of fine-tuning's steps.
    """
    gate = fit_gate(labelled, features, spec.gate_quantile)
    name = compute_teacher_id(spec, fingerprint, labelled)
    if spec.mode == "finetune":
        fit = fit_finetuned(
            registry, spec, name, labelled=labelled, features=features, progress=progress
        )
    else:
        fit = fit_probe(labelled, features, spec)
    fair = labelled.is_unbiased_sample
    temperature = fit_temperature(
        fit.held_out_logits[fair], labelled.classes[fair], labelled.weights[fair]
    )
    card = TeacherCard(
        backbone=spec.backbone.name,
        backbones=[item.name for item in spec.backbones],
        fingerprint=fingerprint,
        mode=spec.mode,
        labelled_digest=labelled.digest,
        gate_bound=gate.bound,
        out_of_fold=score_out_of_fold(fit, labelled, temperature, threshold),
    )
    return Teacher(
        teacher_id=name,
        class_names=labelled.class_names,
        members=fit.members,
        temperature=temperature,
        gate=gate,
        card=card,
        held_out=compute_probabilities(fit.held_out_logits, temperature),
    )
