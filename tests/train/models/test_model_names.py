"""Names, presets, attention and heads."""

from pathlib import Path

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_photos import TINY
from torch import nn

from data_registry.errors import WeightsError
from train.choices import RANDOM
from train.models.attention import Cbam, TokenAttention, build_squeeze_excitation
from train.models.backbones import load_backbone
from train.models.cnn_presets import PRESETS
from train.models.model_names import ALIASES, resolve_name
from train.models.models import Model, build_model
from train.models.saved_model import ModelCard, load_model, save_model
from train.specs import BackboneSpec, ModelSpec

EFFICIENTNET = ModelSpec("tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=32)


def logits_of(model: Model) -> torch.Tensor:
    size = model.backbone.preprocessing
    images = torch.linspace(-1, 1, 2 * 3 * size.height * size.width)
    with torch.inference_mode():
        answer: torch.Tensor = model.classifier.eval()(
            images.reshape(2, 3, size.height, size.width)
        )
    return answer


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_understood_however_it_is_spelt(alias: str) -> None:
    plain = alias.replace("-", "").replace("/", "").lower()
    assert resolve_name(alias) == resolve_name(plain) == ALIASES[alias]
    assert timm.is_model(ALIASES[alias])


def test_what_timm_calls_a_model_is_that_model() -> None:
    assert all(resolve_name(name) == name for name in timm.list_models())
    assert resolve_name("vit_b_16") == "vit_base_patch16_224"
    assert resolve_name("ResNet50.tv_in1k") == "resnet50.tv_in1k"
    assert resolve_name("cnn/fruit") == "cnn/fruit"


@pytest.mark.parametrize("alias", ["MobileNetV2", "EfficientNetV2-B0"])
def test_every_pretrained_model_keeps_its_own_preprocessing(alias: str) -> None:
    config = timm.data.resolve_data_config(
        pretrained_cfg=timm.models.get_pretrained_cfg(ALIASES[alias]).to_dict()
    )
    own = load_backbone(BackboneSpec(alias, weights=RANDOM)).preprocessing
    assert (own.mean, own.std) == (config["mean"], config["std"])
    assert own.interpolation == config["interpolation"]
    assert (3, own.height, own.width) == config["input_size"]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_differ_in_scaling_and_build(name: str) -> None:
    model = build_model(ModelSpec(name, input_size=64), 3)
    assert logits_of(model).shape == (2, 3)


def test_the_restaurant_networks_scale_outside_or_inside() -> None:
    outside = build_model(ModelSpec("cnn/restaurant-scaled"), 3)
    inside = build_model(ModelSpec("cnn/restaurant-batchnorm"), 3)
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert outside.backbone.preprocessing.normalise(white).max() == pytest.approx(1)
    assert inside.backbone.preprocessing.normalise(white).max() == pytest.approx(255)
    kinds = [type(part) for part in inside.backbone.module.modules()]
    assert kinds.count(nn.BatchNorm2d) == 4
    assert kinds[kinds.index(nn.MaxPool2d) + 1] is nn.BatchNorm2d
    assert not [p for p in outside.backbone.module.modules() if isinstance(p, nn.BatchNorm2d)]
    widths = [p.out_channels for p in inside.backbone.module.modules() if type(p) is nn.Conv2d]
    assert widths == [32, 64, 128, 256]
    dense = [p.out_features for p in inside.classifier.modules() if type(p) is nn.Linear]
    assert dense == [50, 100, 3]


def test_convmixer_is_given_by_its_numbers() -> None:
    numbers = {"dim": 24, "depth": 2, "kernel": 3, "patch": 4}
    model = build_model(ModelSpec("convmixer", model_args=numbers, input_size=32), 3)
    assert model.backbone.feature_count == 24
    convolutions = [p for p in model.backbone.module.modules() if type(p) is nn.Conv2d]
    assert convolutions[0].kernel_size == (4, 4)
    assert [p.kernel_size for p in convolutions if p.groups == 24] == [(3, 3)] * 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec("cnn/soup"), "expected one of cnn, cnn/flowers"),
        (ModelSpec("cnn", model_args={"pool": "max"}), "pool is one of average, flatten"),
        (ModelSpec("cnn/fruit", input_size=4), "3 blocks leave nothing of 4 pixels"),
        (ModelSpec("convmixer", model_args={"width": 3}), "Correct model_args"),
        (ModelSpec("EficientNetV2-B0", weights=RANDOM), "Similar names: .*EfficientNetV2-B0"),
        (ModelSpec("cnn/flowers", weights="pretrained"), "no pretrained weights for \"cnn/flow"),
        (ModelSpec("cnn", attention="spatial"), "no attention block 'spatial'; expected one of"),
        (ModelSpec("cnn", head="softmax"), "no head 'softmax'; expected one of linear"),
        (ModelSpec("torchvision/resnet18", weights=RANDOM, attention="cbam"), "cannot be opened"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(spec: ModelSpec, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        build_model(spec, 3)


@given(channels=st.integers(1, 40), side=st.integers(1, 9), batch=st.integers(1, 3))
def test_attention_weighs_between_nothing_and_everything(
    channels: int, side: int, batch: int
) -> None:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(channels)
        maps = torch.rand(batch, channels, side, side) + 0.1
        for block in (build_squeeze_excitation(channels), Cbam(channels)):
            share = block(maps) / maps
            assert share.shape == maps.shape
            assert float(share.min()) > 0
            assert float(share.max()) < 1


def test_squeeze_and_excitation_is_the_study_s() -> None:
    with torch.random.fork_rng():
        block = build_squeeze_excitation(32)
    maps = torch.linspace(0, 1, 2 * 32 * 4).reshape(2, 32, 2, 2)
    squeezed = maps.mean((2, 3))
    down, up = block.fc1, block.fc2
    assert down.weight.shape == (4, 32, 1, 1)
    hidden = torch.relu(nn.functional.linear(squeezed, down.weight.flatten(1), down.bias))
    weights = torch.sigmoid(nn.functional.linear(hidden, up.weight.flatten(1), up.bias))
    assert torch.allclose(block(maps), maps * weights[:, :, None, None], atol=1e-6)


def test_on_tokens_the_places_keep_their_order() -> None:
    tokens = torch.arange(10.0).reshape(1, 5, 2)
    assert torch.equal(TokenAttention(nn.Identity(), prefix=1)(tokens), tokens)


OPENED = [
    ModelSpec("cnn", model_args={"widths": [4, 8]}, input_size=16, attention="squeeze-excitation"),
    ModelSpec("cnn/fruit", input_size=16, attention="cbam"),
    ModelSpec(
        "tf_efficientnetv2_b0",
        weights=RANDOM,
        model_args=TINY,
        input_size=32,
        attention="cbam",
        head="flatten",
    ),
    ModelSpec(
        "convnext_atto",
        weights=RANDOM,
        model_args={"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 16]},
        input_size=64,
        head="flatten",
    ),
    ModelSpec(
        "vit_tiny_patch16_224",
        weights=RANDOM,
        model_args={"depth": 1},
        input_size=32,
        attention="squeeze-excitation",
    ),
    ModelSpec(
        "swin_tiny_patch4_window7_224",
        weights=RANDOM,
        model_args={"depths": [1, 1], "num_heads": [1, 2], "embed_dim": 8, "window_size": 2},
        input_size=32,
        attention="cbam",
    ),
    ModelSpec(
        "tf_efficientnetv2_b0",
        weights=RANDOM,
        model_args=TINY,
        input_size=32,
        head="dense",
        head_units=(16, 8),
    ),
]


@pytest.mark.parametrize("spec", OPENED)
def test_attention_and_heads_learn_and_come_back_from_the_card(
    spec: ModelSpec, tmp_path: Path
) -> None:
    model = build_model(spec, 3, seed=1)
    size = model.backbone.preprocessing.height
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model.classifier.train()(torch.rand(4, 3, size, size)).square().sum().backward()
    silent = [n for n, p in model.classifier.named_parameters() if p.grad is None]
    assert silent == []
    with torch.no_grad():
        for weights in model.classifier.parameters():
            weights.add_(weights.grad, alpha=1e-3)
    card = ModelCard(spec, ("a", "b", "c"), model.backbone.preprocessing)
    save_model(tmp_path, model, card)
    again, read = load_model(tmp_path)
    assert read.class_names == card.class_names
    assert read.preprocessing == card.preprocessing
    assert torch.equal(logits_of(again), logits_of(model))
    assert read.spec.head_units == spec.head_units


def test_flatten_keeps_the_places_and_linear_does_not() -> None:
    flat = build_model(
        ModelSpec(
            "tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=64, head="flatten"
        ),
        3,
    )
    pooled = build_model(EFFICIENTNET, 3)
    assert flat.backbone.feature_count == 4 * pooled.backbone.feature_count


def test_an_attention_block_gives_features_of_their_own() -> None:
    plain = build_model(EFFICIENTNET, 3).backbone
    for attention in ("squeeze-excitation", "cbam"):
        spec = ModelSpec(
            EFFICIENTNET.name, weights=RANDOM, model_args=TINY, input_size=32, attention=attention
        )
        other = build_model(spec, 3).backbone
        assert other.fingerprint != plain.fingerprint
        assert other.feature_count == plain.feature_count


def test_weights_of_a_run_with_attention_start_a_run_without(tmp_path: Path) -> None:
    spec = ModelSpec(
        EFFICIENTNET.name, weights=RANDOM, model_args=TINY, input_size=32, attention="cbam"
    )
    model = build_model(spec, 3, seed=5)
    save_model(tmp_path, model, ModelCard(spec, ("a", "b", "c"), model.backbone.preprocessing))
    plain = ModelSpec(
        EFFICIENTNET.name,
        weights=str(tmp_path / "model.safetensors"),
        model_args=TINY,
        input_size=32,
    )
    body = build_model(plain, 2).classifier.body.state_dict()
    assert all(torch.equal(v, body[n]) for n, v in model.classifier.body.state_dict().items())


@pytest.mark.parametrize(
    ("card", "message"),
    [(None, "not a model card"), ("{", "not a model card"), ('{"spec": {"colour": 1}}', "card")],
)
def test_a_folder_without_a_model_is_told(tmp_path: Path, card: str | None, message: str) -> None:
    if card is not None:
        (tmp_path / "model.json").write_text(card)
    with pytest.raises(WeightsError, match=message):
        load_model(tmp_path)


def test_weights_that_do_not_belong_to_the_card_are_refused(tmp_path: Path) -> None:
    model = build_model(EFFICIENTNET, 3)
    other = ModelSpec(
        EFFICIENTNET.name, weights=RANDOM, model_args=TINY, input_size=32, head="dense"
    )
    save_model(tmp_path, model, ModelCard(other, ("a", "b", "c"), model.backbone.preprocessing))
    with pytest.raises(WeightsError, match=r"missing \(head.0.weight"):
        load_model(tmp_path)
