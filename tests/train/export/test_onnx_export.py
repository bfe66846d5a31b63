"""Export to ONNX: the file answers as the model does, also in eight bits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_photos import Photos, drawn_photo

from data_registry.errors import WeightsError
from data_registry.progress import SilentProgress
from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.data.dataset import Dataset, Example
from train.data.pixel_cache import PixelCache
from train.experiments.runs import load_run, predict
from train.experiments.train_run import train_one
from train.export.int8 import measure_accuracy_change, write_int8
from train.export.onnx_export import (
    WholeModel,
    build_whole_model,
    check_parity,
    load_pixel_batches,
    predict_with_onnx,
    write_onnx,
)
from train.fitting.fit_config import FitConfig
from train.models.models import build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

CNN = ModelSpec("cnn", model_args={"widths": [8, 16]}, input_size=32)


def dataset_of(photos: Photos) -> Dataset:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(3)
        )

    train, val, test = map(examples, (range(12), range(20, 27), range(30, 32)))
    return Dataset(
        version="v" * 64, class_names=("circle", "square", "cross"), train=train, val=val, test=test
    )


def test_the_file_answers_as_the_run_does(photos: Photos, files: FileStore, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    dataset = dataset_of(photos)
    config = FitConfig(max_steps=40, batch_size=12, learning_rate=1e-2)
    run = train_one(TrainingContext(files=files, read=photos.read), dataset, CNN, config)
    model = load_run(files, run.card.run_id)
    whole, path = build_whole_model(model), tmp_path / "model.onnx"
    write_onnx(whole, path)
    with PixelCache(photos.read, SilentProgress()) as cache:
        parity = check_parity(whole, path, cache, dataset.val)
        assert (parity.images, parity.same_class) == (21, 21)
        assert parity.largest_difference < 1e-5
        said = predict(model, [photos.read(item.sha256) for item in dataset.val])
        batches = list(load_pixel_batches(cache, dataset.val, whole.preprocessing))
        assert [len(batch) for batch in batches] == [16, 5]
        # `predict` may compute in bfloat16, where the chip has it.
        assert predict_with_onnx(path, batches) == pytest.approx(said, abs=0.02)

        stranger = build_model(CNN, 3, seed=9)
        other = WholeModel(stranger.classifier, stranger.backbone.preprocessing).eval()
        with pytest.raises(WeightsError, match="does not answer as the run does"):
            check_parity(other, path, cache, dataset.val)

        photos.reads.clear()
        small = tmp_path / "int8.onnx"
        assert write_int8(path, small, cache, dataset.train, whole.preprocessing) == 36
        change = measure_accuracy_change(path, small, cache, dataset.val, whole.preprocessing)
    test = {item.sha256 for item in dataset.test}
    assert test.isdisjoint(photos.reads)
    assert change.images == 21
    truth = np.array([item.class_index for item in dataset.val])
    right = [predict_with_onnx(name, batches).argmax(1) == truth for name in (path, small)]
    assert (change.before, change.after) == pytest.approx([float(one.mean()) for one in right])
    assert change.difference.interval.estimate == pytest.approx(change.after - change.before)
    assert change.same_class >= 18
    assert "of 21 validation images" in change.sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("mobilenetv2_100", weights=RANDOM, input_size=64),
        ModelSpec("resnet18", weights=RANDOM, input_size=64, attention="squeeze-excitation"),
        ModelSpec("vit_tiny_patch16_224", weights=RANDOM),
        ModelSpec("tf_efficientnetv2_b0", weights=RANDOM, input_size=64, head="dense"),
        ModelSpec("convmixer", model_args={"dim": 16, "depth": 2}, input_size=64),
    ],
    ids=lambda spec: spec.name,
)
def test_models_of_every_kind_are_exported(spec: ModelSpec, photos: Photos, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = build_model(spec, 3)
    whole = WholeModel(model.classifier, model.backbone.preprocessing).eval()
    write_onnx(whole, tmp_path / "model.onnx")
    with PixelCache(photos.read, SilentProgress()) as cache:
        parity = check_parity(whole, tmp_path / "model.onnx", cache, dataset_of(photos).val)
    assert parity.same_class == parity.images


def test_normalisation_is_inside() -> None:
    model = build_model(ModelSpec("cnn", model_args={"widths": [4]}, input_size=16), 2)
    own = model.backbone.preprocessing
    pixels = torch.full((1, 3, 16, 16), 200, dtype=torch.uint8)
    with torch.inference_mode():
        whole = WholeModel(model.classifier, own).eval()(pixels)
        by_hand = model.classifier(own.normalise(pixels)).softmax(1)
    assert whole.numpy() == pytest.approx(by_hand.numpy())
    assert float(whole.sum()) == pytest.approx(1)
