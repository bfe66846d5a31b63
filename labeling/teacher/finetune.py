"""Fine-tuning fold by fold: the slower teacher, for backbones whose features do not suffice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from data_registry.arrays import Float32Array, Float64Array
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.storage.stored_content import name_damaged_file
from data_registry.text.hashes import shorten_hash
from labeling.teacher.labelled import IntArray, LabelledImages
from labeling.teacher.teacher import CrossFit, Member, cross_fit
from labeling.teacher.teacher_spec import TeacherSpec
from train.data.dataset import Example
from train.data.decoding import ReadImage
from train.data.pixel_cache import PixelCache
from train.experiments.model_inputs import ModelInputs
from train.features.features import extract_features
from train.fitting.fit_config import FitConfig
from train.models.models import Model, build_model, dump_weights, restore_weights
from train.specs import BackboneSpec, ModelSpec
from train.tracking.context import TrainingContext

BATCH_SIZE = 16  # as in the study that fine-tuned
LABEL_SMOOTHING = 0.05  # few photos are soon learnt by heart; confidence is calibrated afterwards


@dataclass(frozen=True)
class FinetunedMember:
    """A whole model, fine-tuned on all folds but one.

    Attributes:
        model: backbone and head.
        read: gives stored images' bytes.
    """

    model: Model
    read: ReadImage

    @torch.inference_mode()
    def compute_logits(self, sha256s: Sequence[str], features: Float32Array) -> Float64Array:
        """Compute logits, shape (n, classes), by its own features: its backbone was trained too."""
        own = extract_features(self.model.backbone, sha256s, self.read)
        logits = self.model.classifier.eval().classify(torch.from_numpy(own))
        return logits.numpy().astype(np.float64)


def fit_finetuned(
    registry: Registry,
    spec: TeacherSpec,
    teacher_id: str,
    *,
    labelled: LabelledImages,
    features: Float32Array,
    progress: Progress,
) -> CrossFit:
    """Fine-tune one model for each fold; finished ones are kept in ``teachers/<id>/``.

    Members learn for the epochs given and are not selected by a validation: the labelled images
    are too few to spare some, and the held-out fold must have had no say.

    Args:
        registry: where images are read and members are kept.
        spec: folds, epochs, learning rate, seed.
        teacher_id: names the members' folder.
        labelled: n images.
        features: shape (n, d), by the frozen backbone.
        progress: told of every step.
    """
    context = TrainingContext(files=registry.files, read=registry.read_image, progress=progress)
    with PixelCache(registry.read_image, progress) as cache:
        learner = _Learner(
            registry=registry,
            spec=spec,
            teacher_id=teacher_id,
            labelled=labelled,
            context=context,
            cache=cache,
        )
        return cross_fit(labelled, features, spec, learner)


@dataclass(frozen=True, kw_only=True)
class _Learner:
    registry: Registry
    spec: TeacherSpec
    teacher_id: str
    labelled: LabelledImages
    context: TrainingContext
    cache: PixelCache

    def __call__(self, learning: IntArray) -> Member:
        part = self.labelled.select_rows(learning)
        model = build_model(
            _build_model_spec(self.spec.backbone), len(part.class_names), self.spec.seed
        )
        path = f"teachers/{self.teacher_id}/{shorten_hash(part.digest, 16)}.safetensors"
        files = self.registry.files
        if files.exists(path):
            data = files.read(path)
            with name_damaged_file(path, "Delete it: this member of the teacher is trained again"):
                restore_weights(model.classifier, data)
        else:
            self._fit(model, part)
            files.write(path, dump_weights(model.classifier))
        return FinetunedMember(model, self.registry.read_image)

    def _fit(self, model: Model, part: LabelledImages) -> None:
        inputs = ModelInputs(self.context, self.cache, model, frozen=False)
        config = FitConfig(
            epochs=self.spec.epochs,
            batch_size=BATCH_SIZE,
            learning_rate=self.spec.learning_rate,
            patience=None,
            label_smoothing=LABEL_SMOOTHING,
            seed=self.spec.seed,
        )
        inputs.fit(_build_examples(part), None, config)


def _build_model_spec(backbone: BackboneSpec) -> ModelSpec:
    return ModelSpec(
        name=backbone.name,
        weights=backbone.weights,
        model_args=backbone.model_args,
        input_size=backbone.input_size,
        mean=backbone.mean,
        std=backbone.std,
    )


def _build_examples(labelled: LabelledImages) -> list[Example]:
    rows = zip(labelled.sha256, labelled.classes.tolist(), labelled.groups, strict=True)
    return [Example(*row) for row in rows]
