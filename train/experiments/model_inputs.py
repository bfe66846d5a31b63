"""From a dataset to what a model is fitted on and asked about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from data_registry.arrays import Float32Array
from train.data.augmentation import build_augmentation
from train.data.augmentation_settings import AugmentationSettings
from train.data.dataset import Example, collect_labels, collect_soft_labels
from train.data.pixel_cache import PixelCache, add_crop_margin
from train.experiments.runs import compute_probabilities
from train.features.feature_store import FeatureStore
from train.features.features import extract_features
from train.fitting.batches import ArrayBatches
from train.fitting.distillation_loss import SoftTargets
from train.fitting.fit import FitResult, fit
from train.fitting.fit_config import FitConfig
from train.fitting.learner import Forward
from train.fitting.losses import Targets
from train.fitting.trainer import Records
from train.models.models import Model
from train.models.split_backbone import SplitBackbone
from train.tracking.context import TrainingContext

Split = Sequence[Example]

_CROPPING = ("crop", "randaugment")  # changes that want a margin around the model's input


class ModelInputs:
    """Where a model's inputs come from: pixels for a whole model, kept features for a head.

    Args:
        context: files, images, progress.
        cache: decoded pixels, shared by the runs of one comparison.
        model: what is fitted and asked.
        frozen: whether the backbone stays as it is.
    """

    def __init__(
        self, context: TrainingContext, cache: PixelCache, model: Model, *, frozen: bool
    ) -> None:
        self._workplace = context
        self._cache = cache
        self._model = model
        self._frozen = frozen

    def fit(
        self,
        train: Split,
        val: Split | None,
        config: FitConfig,
        records: Records | None = None,
        soft_targets: SoftTargets | None = None,
    ) -> FitResult:
        """Train the model in place on `train`; `val` stops and selects, see `train.fit.fit`.

        With `config.head_steps` the head learns first, and then everything (Kumar et al. 2022):
        what an untrained head would do to a pretrained body in its first steps does not happen.
        """
        records = records or Records()
        if self._frozen:
            return self._fit_head(train, val, config, records, soft_targets)
        if config.head_steps == 0:
            return self._fit_all(train, val, config, records, soft_targets)
        # Onlookers are told of the longer part alone: both count their steps from zero.
        before = replace(records.enter_subfolder("head"), loggers=(), on_check=None)
        head = self._fit_head(train, val, _restrict_to_head(config), before, soft_targets)
        return head.combine(
            self._fit_all(train, val, config, records.enter_subfolder("all"), soft_targets)
        )

    def predict(self, examples: Split) -> Float32Array:
        """Predict the class probabilities of these images: float32 (n, classes)."""
        return compute_probabilities(
            self._model.classifier, self._extract(examples, self._can_store_features())
        )

    def _can_store_features(self) -> bool:
        """Whether features stay the same for ever, and may be kept."""
        return self._frozen and not isinstance(self._model.classifier.backbone, SplitBackbone)

    def _extract(self, examples: Split, kept: bool) -> Float32Array:
        names = [example.sha256 for example in examples]
        backbone, place = self._model.backbone, self._workplace
        if kept:
            store = FeatureStore(place.files, backbone)
            return store.load_features(names, place.read, place.progress)
        return extract_features(backbone, names, place.read, place.progress)

    def _fit_head(
        self,
        train: Split,
        val: Split | None,
        config: FitConfig,
        records: Records,
        soft_targets: SoftTargets | None,
    ) -> FitResult:
        """From kept features where nothing else can change them, else from pixels."""
        opened = isinstance(self._model.classifier.backbone, SplitBackbone)
        if opened or config.augmentation is not None or config.mixup or config.cutmix:
            with _freeze_body(self._model.classifier.body):
                return self._fit_all(train, val, config, records, soft_targets)
        targets = self._build_targets(train, config, soft_targets)
        learning = ArrayBatches(self._extract(train, True), targets)
        checking = (
            None if val is None else ArrayBatches(self._extract(val, True), collect_labels(val))
        )
        classifier = self._model.classifier
        head = nn.Sequential(classifier.dropout, classifier.head)
        return self._fit(
            head,
            _pass_through,
            learning,
            checking,
            config=config,
            records=records,
            soft_targets=soft_targets,
        )

    def _fit_all(
        self,
        train: Split,
        val: Split | None,
        config: FitConfig,
        records: Records,
        soft_targets: SoftTargets | None,
    ) -> FitResult:
        own = self._model.backbone.preprocessing
        changes = config.augmentation or AugmentationSettings()
        seen = add_crop_margin(own) if changes.kind in _CROPPING else own
        learning = ArrayBatches(
            self._cache.load_pixels(train, seen),
            self._build_targets(train, config, soft_targets),
            build_augmentation(changes, own),
        )
        checking = (
            None
            if val is None
            else ArrayBatches(self._cache.load_pixels(val, own), collect_labels(val))
        )
        return self._fit(
            self._model.classifier,
            own.normalise,
            learning,
            checking,
            config=config,
            records=records,
            soft_targets=soft_targets,
            devices=self._workplace.devices,
        )

    def _build_targets(
        self, train: Split, config: FitConfig, soft_targets: SoftTargets | None
    ) -> Targets:
        if soft_targets is not None:
            return soft_targets.build_targets(collect_labels(train))
        if not config.soft_labels:
            return collect_labels(train)
        return collect_soft_labels(train, self._model.classifier.class_count)

    def _fit(
        self,
        module: nn.Module,
        prepare: Forward,
        train: ArrayBatches,
        val: ArrayBatches | None,
        *,
        config: FitConfig,
        records: Records,
        soft_targets: SoftTargets | None,
        devices: int = 1,
    ) -> FitResult:
        return fit(
            module,
            prepare,
            train,
            val,
            class_count=self._model.classifier.class_count,
            config=config,
            progress=self._workplace.progress,
            records=records,
            soft_targets=soft_targets,
            devices=devices,
        )


def _restrict_to_head(config: FitConfig) -> FitConfig:
    return replace(
        config,
        max_steps=config.head_steps,
        learning_rate=config.head_learning_rate,
        layer_decay=1.0,
        schedule="cosine",
        ema=0.0,
        patience=None,
    )


@contextmanager
def _freeze_body(body: nn.Module) -> Iterator[None]:
    learning = [weights for weights in body.parameters() if weights.requires_grad]
    for weights in learning:
        weights.requires_grad_(False)
    try:
        yield
    finally:
        for weights in learning:
            weights.requires_grad_(True)


def _pass_through(features: torch.Tensor) -> torch.Tensor:
    return features
