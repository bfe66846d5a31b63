"""Fitting the round's teacher."""

from data_registry.progress import Progress
from data_registry.registry import Registry
from labeling.calibration import fit_temperature
from labeling.finetune import fit_finetuned
from labeling.gate import fit_gate
from labeling.labelled import LabelledImages
from labeling.probe import fit_probe
from labeling.teacher import (
    FeaturesOf,
    Teacher,
    TeacherSpec,
    out_of_fold_card,
    teacher_id,
)
from train.backbones import Backbone


def fit_teacher(
    registry: Registry,
    spec: TeacherSpec,
    *,
    threshold: float,
    backbone: Backbone,
    labelled: LabelledImages,
    features_of: FeaturesOf,
    progress: Progress,
) -> Teacher:
    """A teacher that learnt from the labelled images, with its card.

    Args:
        registry: where images are read, and where fine-tuned members are kept.
        spec: how to make it.
        threshold: confidence at which the card counts what would be accepted.
        backbone: loaded from the spec.
        labelled: train images that people named.
        features_of: gives stored images' features by the backbone.
        progress: told of fine-tuning's steps.
    """
    gate = fit_gate(labelled, features_of(labelled.sha256), spec.gate_quantile)
    name = teacher_id(spec, backbone.fingerprint, labelled)
    if spec.mode == "finetune":
        fit = fit_finetuned(registry, spec, name, labelled, progress)
    else:
        fit = fit_probe(labelled, features_of, spec)
    card = {
        "backbone": spec.backbone.name,
        "fingerprint": backbone.fingerprint,
        "mode": spec.mode,
        "labelled_digest": labelled.digest,
        "gate_bound": gate.bound,
        "out_of_fold": out_of_fold_card(fit, labelled, threshold),
    }
    return Teacher(
        teacher_id=name,
        class_names=labelled.class_names,
        members=fit.members,
        temperature=fit_temperature(fit.held_out_logits, labelled.classes),
        gate=gate,
        card=card,
    )
