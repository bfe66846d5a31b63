"""Frozen bodies, and heads that learn before everything does."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from small_photos import TINY, Photos, drawn_photo

from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.data.augmentation_settings import AugmentationSettings
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.experiments.model_inputs import ModelInputs
from train.fitting.fit import FitResult
from train.fitting.fit_config import FitConfig
from train.models.models import Model, build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

SPEC = ModelSpec("tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=32)
CONFIG = FitConfig(max_steps=4, batch_size=8, learning_rate=1e-3, patience=None)


def examples(photos: Photos, seeds: range) -> list[Example]:
    return [
        Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
        for seed in seeds
        for kind in range(3)
    ]


def fitted(
    photos: Photos,
    files: FileStore,
    spec: ModelSpec,
    config: FitConfig,
    train: Sequence[Example] = (),
) -> tuple[Model, FitResult]:
    model = build_model(spec, 3)
    context = TrainingContext(files=files, read=photos.read)
    with PixelCache(photos.read, context.progress) as cache:
        inputs = ModelInputs(context, cache, model, frozen=spec.freeze)
        learnt = train or examples(photos, range(8))
        how = inputs.fit(learnt, examples(photos, range(50, 53)), config)
    return model, how


def untouched(model: Model, spec: ModelSpec) -> bool:
    before = build_model(spec, 3).classifier.body.state_dict()
    after = model.classifier.body.state_dict()
    return all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize(
    "changed",
    [
        {"attention": "squeeze-excitation"},
        {"attention": "cbam", "head": "flatten"},
        {"head": "dense", "head_units": (8,)},
    ],
)
def test_a_frozen_body_stays_and_what_is_new_learns(
    photos: Photos, files: FileStore, changed: dict[str, object]
) -> None:
    spec = replace(SPEC, freeze=True, **changed)
    model, _ = fitted(photos, files, spec, CONFIG)
    assert untouched(model, spec)
    fresh = build_model(spec, 3).classifier.named_parameters()
    after = dict(model.classifier.named_parameters())
    new = {n: not torch.equal(w, after[n]) for n, w in fresh if ".body." not in n}
    new = {n: moved for n, moved in new.items() if spec.is_split or not n.startswith("backbone.")}
    assert new
    assert all(new.values()), new
    assert all(weights.requires_grad for weights in model.classifier.parameters())


@pytest.mark.parametrize(
    "changed",
    [{"mixup": 0.4}, {"cutmix": 1.0}, {"augmentation": AugmentationSettings(kind="geometric")}],
)
def test_what_changes_pixels_is_heeded_with_a_frozen_body_too(
    photos: Photos, files: FileStore, changed: dict[str, object]
) -> None:
    spec = replace(SPEC, freeze=True)
    model, _ = fitted(photos, files, spec, replace(CONFIG, **changed))
    plain, _ = fitted(photos, files, spec, CONFIG)
    assert untouched(model, spec)
    assert not torch.equal(model.classifier.head.weight, plain.classifier.head.weight)


def test_the_head_learns_first_and_then_everything(photos: Photos, files: FileStore) -> None:
    head_alone, _ = fitted(
        photos, files, replace(SPEC, freeze=True),
        replace(CONFIG, max_steps=40, learning_rate=1e-2),
    )  # fmt: skip
    # All of it at a rate of next to nothing: what remains is what the head has learnt.
    config = replace(CONFIG, learning_rate=1e-12, head_steps=40, head_learning_rate=1e-2)
    both, how = fitted(photos, files, SPEC, config)
    assert how.steps == 44
    assert [check.step for check in how.history] == [*range(2, 41, 2), *range(41, 45)]
    assert how.best_step > 40
    assert torch.allclose(both.classifier.head.weight, head_alone.classifier.head.weight, atol=1e-6)
    other, _ = fitted(photos, files, SPEC, replace(config, head_learning_rate=1e-3))
    assert not torch.allclose(both.classifier.head.weight, other.classifier.head.weight, atol=1e-6)
    learnt, _ = fitted(photos, files, SPEC, replace(config, learning_rate=1e-2))
    assert not untouched(learnt, SPEC)


@pytest.mark.parametrize("kind", ["none", "crop", "geometric", "randaugment"])
def test_every_augmentation_trains_a_whole_model(
    photos: Photos, files: FileStore, kind: str
) -> None:
    config = replace(CONFIG, augmentation=AugmentationSettings(kind=kind), mixup=0.2, cutmix=1.0)
    _, how = fitted(photos, files, SPEC, config)
    assert how.steps == 4


@pytest.mark.parametrize("freeze", [True, False])
def test_soft_labels_arrive_at_the_loss(photos: Photos, files: FileStore, freeze: bool) -> None:
    """Hard labels and hesitant ones lead to other weights, certain ones to the same."""
    spec = replace(SPEC, freeze=freeze)
    soft = replace(CONFIG, soft_labels=True)
    hard, _ = fitted(photos, files, spec, CONFIG)
    for doubt, is_same in ((0.0, True), (0.4, False)):
        shares = tuple(
            replace(item, shares=_hesitant(item.class_index, doubt))
            for item in examples(photos, range(8))
        )
        model, _ = fitted(photos, files, spec, soft, shares)
        same = torch.allclose(model.classifier.head.weight, hard.classifier.head.weight, atol=1e-6)
        assert same == is_same
        # Without the key they are not heeded.
        unheeded, _ = fitted(photos, files, spec, CONFIG, shares)
        assert torch.equal(unheeded.classifier.head.weight, hard.classifier.head.weight)


def _hesitant(class_index: int, doubt: float) -> tuple[float, ...]:
    return tuple(1 - doubt if index == class_index else doubt / 2 for index in range(3))
