"""From a dataset to what a model is fitted on and asked about."""

from collections.abc import Sequence

import torch
from torch import nn

from train.augmentation import Augmentation
from train.batches import ArrayBatches
from train.data import Example, labels_of
from train.feature_store import FeatureStore
from train.features import FloatArray, extract_features
from train.fit import FitConfig, Fitted, fit
from train.learner import Forward
from train.models import Model
from train.pixel_cache import PixelCache, roomy
from train.runs import probabilities_of
from train.workplace import Workplace


class ModelInputs:
    """Where a model's inputs come from: pixels for a whole model, kept features for a head.

    Args:
        workplace: files, images, progress.
        cache: decoded pixels, shared by the runs of one comparison.
        model: what is fitted and asked.
        frozen: whether the backbone stays as it is.
    """

    def __init__(
        self, workplace: Workplace, cache: PixelCache, model: Model, *, frozen: bool
    ) -> None:
        self._workplace = workplace
        self._cache = cache
        self._model = model
        self._frozen = frozen

    def fitted(
        self, train: Sequence[Example], val: Sequence[Example] | None, config: FitConfig
    ) -> Fitted:
        """Train the model in place on `train`; `val` stops and selects, see `train.fit.fit`."""
        way = self._fit_head if self._frozen else self._fit_all
        return way(train, val, config)

    def probabilities(self, examples: Sequence[Example]) -> FloatArray:
        """What the model says of these images: float32 (n, classes)."""
        return probabilities_of(self._model.classifier, self._features(examples))

    def _features(self, examples: Sequence[Example]) -> FloatArray:
        names = [example.sha256 for example in examples]
        backbone, place = self._model.backbone, self._workplace
        if self._frozen:
            store = FeatureStore(place.files, backbone)
            return store.features(names, place.read, place.progress)
        return extract_features(backbone, names, place.read, place.progress)

    def _fit_head(
        self, train: Sequence[Example], val: Sequence[Example] | None, config: FitConfig
    ) -> Fitted:
        learning = ArrayBatches(self._features(train), labels_of(train))
        checking = None if val is None else ArrayBatches(self._features(val), labels_of(val))
        classifier = self._model.classifier
        head = nn.Sequential(classifier.dropout, classifier.head)
        return self._fit(head, _unchanged, learning, checking, config)

    def _fit_all(
        self, train: Sequence[Example], val: Sequence[Example] | None, config: FitConfig
    ) -> Fitted:
        own = self._model.backbone.preprocessing
        learning = ArrayBatches(
            self._cache.pixels(train, roomy(own)), labels_of(train), Augmentation(own)
        )
        checking = (
            None if val is None else ArrayBatches(self._cache.pixels(val, own), labels_of(val))
        )
        return self._fit(self._model.classifier, own.normalised, learning, checking, config)

    def _fit(
        self,
        module: nn.Module,
        prepare: Forward,
        train: ArrayBatches,
        val: ArrayBatches | None,
        config: FitConfig,
    ) -> Fitted:
        return fit(
            module,
            prepare,
            train,
            val,
            class_count=self._model.classifier.class_count,
            config=config,
            progress=self._workplace.progress,
        )


def _unchanged(features: torch.Tensor) -> torch.Tensor:
    return features
