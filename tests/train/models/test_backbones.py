import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from small_photos import PROJECT, TINY
from torch import nn

from data_registry.errors import WeightsError
from data_registry.storage.json_records import parse_record
from train.choices import RANDOM
from train.data.preprocessing import Preprocessing
from train.models.backbones import load_backbone
from train.specs import BackboneSpec

CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture
def saved(tmp_path: Path, tiny: BackboneSpec) -> Path:
    """Build a whole classifier's state dict with a head of 7 classes."""
    model = whole_model(num_classes=7, **TINY)
    path = tmp_path / "saved.safetensors"
    save_file(model.state_dict(), path)
    return path


def whole_model(name: str = "tf_efficientnetv2_b0", seed: int = 0, **arguments: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: nn.Module = timm.create_model(name, **arguments)
        return model


def features_of(spec: BackboneSpec) -> torch.Tensor:
    backbone = load_backbone(spec)
    size = backbone.preprocessing
    images = torch.linspace(-1, 1, 2 * 3 * size.height * size.width)
    with torch.inference_mode():
        answer: torch.Tensor = backbone.module(images.reshape(2, 3, size.height, size.width))
    assert answer.shape == (2, backbone.feature_count)
    return answer


@pytest.mark.parametrize(
    "name",
    ["tf_efficientnetv2_b0", "torchvision/mobilenet_v3_small", "cnn", "vit_tiny_patch16_224"],
)
def test_every_kind_of_model_gives_features_of_the_promised_length(name: str) -> None:
    features = features_of(BackboneSpec(name, weights=RANDOM, input_size=64))
    assert torch.isfinite(features).all()


def test_weights_are_read_with_head_and_without_from_both_file_formats(
    saved: Path, tiny: BackboneSpec, tmp_path: Path
) -> None:
    whole = whole_model(seed=1, num_classes=7, **TINY)
    torch.save({"state_dict": whole.state_dict()}, tmp_path / "whole.pth")
    body = {k: v for k, v in whole.state_dict().items() if not k.startswith("classifier")}
    torch.save({f"module.{k}": v for k, v in body.items()}, tmp_path / "body.pt")
    save_file(body, tmp_path / "body.safetensors")
    read = [
        features_of(replace(tiny, weights=str(tmp_path / name)))
        for name in ("whole.pth", "body.pt", "body.safetensors")
    ]
    assert torch.equal(read[0], read[1])
    assert torch.equal(read[0], read[2])
    assert not torch.equal(read[0], features_of(replace(tiny, weights=str(saved))))


def test_a_run_s_own_weights_serve_as_a_backbone(tiny: BackboneSpec, tmp_path: Path) -> None:
    module = load_backbone(tiny).module
    parts = {f"backbone.{name}": value for name, value in module.state_dict().items()}
    path = tmp_path / "model.safetensors"
    save_file({**parts, "head.weight": torch.zeros(3, 320)}, path)
    assert torch.equal(features_of(tiny), features_of(replace(tiny, weights=str(path))))


def test_weights_of_another_model_are_refused_by_name(saved: Path, tiny: BackboneSpec) -> None:
    with pytest.raises(WeightsError, match=r"missing.*conv1.weight.*not in the model"):
        load_backbone(BackboneSpec("resnet18", weights=str(saved)))
    with pytest.raises(WeightsError, match=r"wrong shape.*instead of.*model_args"):
        load_backbone(replace(tiny, weights=str(saved), model_args={"depth_multiplier": 0.25}))


def test_a_missing_or_extra_tensor_is_refused(tiny: BackboneSpec, tmp_path: Path) -> None:
    state = load_backbone(tiny).module.state_dict()
    torch.save({**state, "extra.weight": torch.zeros(1)}, tmp_path / "extra.pth")
    with pytest.raises(WeightsError, match=r"1 not in the model \(extra.weight\)"):
        load_backbone(replace(tiny, weights=str(tmp_path / "extra.pth")))
    del state["conv_stem.weight"]
    torch.save(state, tmp_path / "less.pth")
    with pytest.raises(WeightsError, match=r"1 missing \(conv_stem.weight\)"):
        load_backbone(replace(tiny, weights=str(tmp_path / "less.pth")))


class Trap:
    """Runs code when it is unpickled by a careless reader."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trapped",)


def test_a_pickle_that_would_run_code_is_refused(
    tiny: BackboneSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Trap(), "trap.pth")
    with pytest.raises(WeightsError, match="cannot be read as tensors"):
        load_backbone(replace(tiny, weights="trap.pth"))
    assert not Path("trapped").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.pth", None, "there is no weights file"),
        ("text.pth", b"hello", "cannot be read"),
        ("text.safetensors", b"hello", "cannot be read"),
        ("weights.h5", b"hello", "not a weights file"),
    ],
)
def test_files_that_are_no_weights(
    name: str, content: bytes | None, message: str, tiny: BackboneSpec, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load_backbone(replace(tiny, weights=str(tmp_path / name)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (BackboneSpec("resnet999", weights=RANDOM), "Similar names: resnet"),
        (BackboneSpec("resnet18.nonsense", weights=RANDOM), "Similar names: resnet18.a1_in1k"),
        (BackboneSpec("torchvision/resnet17", weights=RANDOM), "Similar names: resnet18"),
        (BackboneSpec("resnet18", weights=RANDOM, model_args={"nonsense": 1}), "model_args"),
        (
            BackboneSpec("torchvision/resnet18", weights=RANDOM, model_args={"nonsense": 1}),
            "model_args",
        ),
        (BackboneSpec("cnn", weights=RANDOM, model_args={"nonsense": 1}), "model_args"),
        (BackboneSpec("torchvision/squeezenet1_0", weights=RANDOM), "linear"),
        (BackboneSpec("cnn"), "random"),
        (BackboneSpec("coatnet_0_224"), "no pretrained weights"),
        (BackboneSpec("tf_efficientnetv2_s.nonsense"), "Similar names: tf_efficientnetv2_s.in1k"),
    ],
)
def test_unknown_models_and_arguments_say_what_to_do(spec: BackboneSpec, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_backbone(spec)


def test_no_hub_means_an_error_and_never_random_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", CLOSED_PORT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"not in the local cache and http://127.0.0.1:9 cannot"):
        load_backbone(BackboneSpec())


class Hub(http.server.BaseHTTPRequestHandler):
    """The two answers of the Hugging Face hub that a download needs."""

    def __init__(self, content: bytes, *args: object) -> None:
        self.content = content
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        known = self.path in ("/", "/timm/resnet18.a1_in1k/resolve/main/model.safetensors")
        self.send_response(200 if known else 404)
        self.send_header("ETag", '"0123"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    weights = tmp_path / "hub.safetensors"
    save_file(whole_model("resnet18").state_dict(), weights)
    handler = functools.partial(Hub, weights.read_bytes())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


LOAD = (
    "from train.models.backbones import BackboneSpec, load_backbone;"
    "print(load_backbone(BackboneSpec('resnet18.a1_in1k')).fingerprint)"
)


def fingerprint_in_a_new_process(endpoint: str, cache: Path) -> str:
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache)}
    environment["HF_HUB_DISABLE_XET"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env=environment, cwd=PROJECT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.slow
def test_the_hub_is_asked_once_and_then_the_cache(hub: str, tmp_path: Path) -> None:
    first = fingerprint_in_a_new_process(hub, tmp_path / "cache")
    expected = load_backbone(
        BackboneSpec("resnet18.a1_in1k", weights=str(tmp_path / "hub.safetensors"))
    )
    assert first == expected.fingerprint
    assert fingerprint_in_a_new_process(CLOSED_PORT, tmp_path / "cache") == first


def test_the_fingerprint_tells_weights_arguments_and_preprocessing_apart(
    tiny: BackboneSpec,
) -> None:
    variants = [
        tiny,
        replace(tiny, seed=1),
        replace(tiny, input_size=64),
        replace(tiny, mean=(0.1, 0.2, 0.3)),
        replace(tiny, model_args={**TINY, "drop_rate": 0.1}),
    ]
    prints = [load_backbone(spec).fingerprint for spec in variants]
    assert len(set(prints)) == len(variants)
    assert prints[0] == load_backbone(tiny).fingerprint


def test_preprocessing_is_the_model_s_own_and_survives_a_card() -> None:
    own = load_backbone(BackboneSpec("tf_efficientnetv2_s", weights=RANDOM)).preprocessing
    assert (own.height, own.mean, own.interpolation) == (300, (0.5, 0.5, 0.5), "bicubic")
    other = load_backbone(
        BackboneSpec("torchvision/efficientnet_v2_s", weights=RANDOM)
    ).preprocessing
    assert (other.height, other.resize_to, other.mean[0]) == (384, 384, 0.485)
    assert parse_record(Preprocessing, json.dumps(asdict(own)).encode()) == own


def test_preprocessing_equals_timm_s_own_evaluation_transform() -> None:
    model = whole_model("resnet18")
    config = timm.data.resolve_data_config(pretrained_cfg=model.pretrained_cfg)
    theirs = timm.data.create_transform(**config, is_training=False)
    own = load_backbone(BackboneSpec("resnet18", weights=RANDOM)).preprocessing
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    ours = own.normalise(torch.from_numpy(own.resize_and_crop(image))[None])[0]
    assert torch.allclose(ours, theirs(image), atol=1e-5)


@pytest.mark.parametrize("crop_mode", ["squash", "border"])
def test_other_crop_modes_give_the_same_size(crop_mode: str) -> None:
    own = Preprocessing(
        height=32,
        width=32,
        resize_to=32,
        crop_mode=crop_mode,
        interpolation="bilinear",
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    image = Image.new("RGB", (100, 50), "white")
    pixels = own.resize_and_crop(image)
    assert pixels.shape == (3, 32, 32)
    assert (pixels[:, 0].max() == 255) == (crop_mode == "squash")


@pytest.mark.real_data
def test_the_shared_weights_load_strictly(shared: Path) -> None:
    lite = shared / "weights" / "tf_efficientnet_lite0_backbone.pth"
    backbone = load_backbone(BackboneSpec("tf_efficientnet_lite0", weights=str(lite)))
    assert backbone.feature_count == 1280
    assert backbone.preprocessing.mean == (0.5, 0.5, 0.5)
    mobile = BackboneSpec(
        "mobilenetv2_100",
        weights=str(shared / "weights" / "mobilenetv2_100.pth"),
        model_args={"pad_type": "same", "bn_eps": 1e-3},
        mean=(0.5, 0.5, 0.5),  # timm's entry says ImageNet's; these weights were trained with 0.5
        std=(0.5, 0.5, 0.5),
    )
    assert load_backbone(mobile).feature_count == 1280
