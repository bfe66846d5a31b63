"""Every model name builds, makes one training step, and comes back from safetensors and card."""

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from data_registry.progress import SilentProgress
from train.choices import RANDOM
from train.fitting.batches import ArrayBatches
from train.fitting.fit import fit
from train.fitting.fit_config import FitConfig
from train.models.cnn_presets import PRESETS
from train.models.model_names import ALIASES, has_no_pretrained_weights
from train.models.models import Model, build_model
from train.models.saved_model import ModelCard, load_model, save_model
from train.specs import ModelSpec

# As small as each model permits; the others take 32 pixels. At 32 an EfficientNet would normalise
# over two values only, which makes gradients explode.
SIDES = {"Inception-ResNet-v2": 75, "NASNet-Large": 64, "convmixer": 64}
SIDES |= {name: 64 for name in ALIASES if name.startswith("EfficientNet")}
NAMES = [*ALIASES, *PRESETS, "convmixer", "torchvision/vgg11", "swin_tiny_patch4_window7_224"]
CLASSES = ("a", "b", "c")
STEP = FitConfig(max_steps=1, batch_size=2, optimiser="sgd", momentum=0, learning_rate=1e-3)
OPENED = [name for name in NAMES if not name.startswith("torchvision/")]


@pytest.fixture(autouse=True)
def freed() -> Iterator[None]:
    """Free the memory of the last model: the largest takes 6 GB."""
    gc.collect()
    yield
    gc.collect()


def spec_of(name: str, **more: str) -> ModelSpec:
    weights = None if has_no_pretrained_weights(name) else RANDOM
    return ModelSpec(name, weights=weights, input_size=SIDES.get(name, 32), **more)


def one_step(model: Model, micro_batch: int) -> None:
    own = model.backbone.preprocessing
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, 3, own.height, own.width), dtype=np.uint8)
    config = FitConfig(**{**STEP.__dict__, "micro_batch": micro_batch})
    fitted = fit(
        model.classifier,
        own.normalise,
        ArrayBatches(pixels, np.array([0, 2])),
        None,
        class_count=len(CLASSES),
        config=config,
        progress=SilentProgress(),
    )
    assert fitted.steps == 1
    assert fitted.micro_batch == micro_batch


@torch.inference_mode()
def answer(model: Model) -> torch.Tensor:
    own = model.backbone.preprocessing
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, own.height, own.width))
    logits: torch.Tensor = model.classifier.eval()(own.normalise(torch.from_numpy(pixels)))
    return logits


def steps_and_comes_back(spec: ModelSpec, folder: Path, micro_batch: int) -> None:
    model = build_model(spec, len(CLASSES))
    before = model.classifier.head.weight.detach().clone()  # type: ignore[union-attr]
    one_step(model, micro_batch)
    assert not torch.equal(before, model.classifier.head.weight)  # type: ignore[arg-type]
    expected = answer(model)
    assert torch.isfinite(expected).all()
    save_model(folder, model, ModelCard(spec, CLASSES, model.backbone.preprocessing))
    del model
    gc.collect()
    again, card = load_model(folder)
    assert card.spec == spec
    assert torch.equal(answer(again), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_name_trains_and_comes_back(name: str, tmp_path: Path) -> None:
    steps_and_comes_back(spec_of(name), tmp_path, 1 if name == "ConvNeXt-XLarge" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPENED)
def test_every_name_takes_an_attention_block_and_a_flat_head(name: str, tmp_path: Path) -> None:
    spec = spec_of(name, attention="cbam", head="flatten")
    steps_and_comes_back(spec, tmp_path, 1 if name == "ConvNeXt-XLarge" else 2)
