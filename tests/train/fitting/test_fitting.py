"""Every setting of a training, seen where it must arrive."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import SilentProgress
from data_registry.storage.json_records import parse_record
from train.choices import RANDOM
from train.data.augmentation_settings import AugmentationSettings
from train.data.dataset import Example, collect_labels, collect_soft_labels
from train.fitting.batches import ArrayBatches
from train.fitting.fit import FitResult, fit
from train.fitting.fit_config import FitConfig
from train.fitting.losses import CrossEntropyLoss, Mixing, compute_class_weights
from train.fitting.optimisers import (
    build_optimiser,
    build_parameter_groups,
    build_schedules,
    compute_layer_numbers,
)
from train.fitting.trainer import Records
from train.models.models import build_model
from train.specs import ModelSpec

CONFIG = FitConfig(epochs=4, batch_size=10, learning_rate=0.05, patience=None)


def points(count: int, seed: int = 0, spread: float = 2.0) -> ArrayBatches:
    random = np.random.default_rng(seed)
    labels = np.minimum(np.arange(count) % 5, 2)
    centres = np.eye(3, 8) * 4
    places = centres[labels] + random.normal(0, spread, (count, 8))
    return ArrayBatches(places.astype(np.float32), labels.astype(np.int64))


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
        )


def trained(
    config: FitConfig,
    *,
    module: nn.Module | None = None,
    train: ArrayBatches | None = None,
    records: Records | None = None,
    progress: SilentProgress | None = None,
) -> tuple[nn.Module, FitResult]:
    module = module or network()
    fitted = fit(
        module,
        lambda inputs: inputs,
        train or points(60),
        points(30, 1),
        class_count=3,
        config=config,
        progress=progress or SilentProgress(),
        records=records,
    )
    return module, fitted


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


CHANGES = {
    "epochs": 5,
    "max_steps": 7,
    "batch_size": 12,
    "micro_batch": 5,  # BatchNorm sees other batches
    "optimiser": "adam",
    "learning_rate": 0.01,
    "weight_decay": 0.5,
    "schedule": "constant",
    "warmup_share": 0.5,
    "label_smoothing": 0.2,
    "class_weights": True,
    "ema": 0.9,
    "precision": "bfloat16",
    "seed": 1,
}
ELSEWHERE = {
    "momentum": "test_momentum_is_sgd_s",
    "decay_factor": "test_a_plateau_lowers_the_rate",
    "decay_checks": "test_a_plateau_lowers_the_rate",
    "layer_decay": "test_lower_layers_learn_more_slowly",
    "patience": "test_fit.py",
    "min_delta": "test_progress_below_min_delta_is_none",
    "mixup": "test_mixed_images_keep_their_shares_of_classes",
    "cutmix": "test_mixed_images_keep_their_shares_of_classes",
    "augmentation": "test_augmentation.py",
    "soft_labels": "test_head_first.py",
    "head_steps": "test_head_first.py",
    "head_learning_rate": "test_head_first.py",
}


def test_every_setting_is_tested_here_or_elsewhere() -> None:
    assert {field.name for field in fields(FitConfig)} == CHANGES.keys() | ELSEWHERE.keys()


@pytest.fixture(scope="module")
def usual() -> nn.Module:
    return trained(CONFIG)[0]


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_changes_what_is_learnt(name: str, usual: nn.Module) -> None:
    assert not same_weights(trained(replace(CONFIG, **{name: CHANGES[name]}))[0], usual)


@pytest.mark.parametrize(
    ("optimiser", "kind"),
    [
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("nadam", torch.optim.NAdam),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
@given(rate=st.floats(1e-6, 1), decay=st.floats(0, 1))
def test_the_optimiser_is_told_the_configured_values(
    optimiser: str, kind: type[torch.optim.Optimizer], rate: float, decay: float
) -> None:
    config = FitConfig(optimiser=optimiser, learning_rate=rate, weight_decay=decay)
    built = build_optimiser(network(), config)
    assert type(built) is kind
    assert {group["lr"] for group in built.param_groups} == {rate}
    assert sorted(group["weight_decay"] for group in built.param_groups) == sorted([0.0, decay])
    assert all(p.ndim > 1 for g in built.param_groups if g["weight_decay"] for p in g["params"])


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "nadam", "rmsprop"])
def test_every_optimiser_learns(optimiser: str) -> None:
    rate = 0.1 if optimiser == "sgd" else 0.01
    _, fitted = trained(replace(CONFIG, optimiser=optimiser, learning_rate=rate, epochs=6))
    assert max(check.val_accuracy for check in fitted.history) > 0.75


def test_momentum_is_sgd_s() -> None:
    built = build_optimiser(network(), FitConfig(optimiser="sgd", momentum=0.3))
    assert {group["momentum"] for group in built.param_groups} == {0.3}


def test_decay_is_decoupled_or_none_unless_said() -> None:
    assert FitConfig().decay == 0.01
    assert FitConfig(optimiser="adam").decay == 0
    assert FitConfig(optimiser="adam", weight_decay=0.1).decay == 0.1


def rates(config: FitConfig, total: int | None, steps: int) -> list[float]:
    optimiser = build_optimiser(network(), config)
    schedule, *_ = build_schedules(optimiser, config, total, steps_per_check=10)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_cosine_climbs_and_comes_to_rest() -> None:
    found = rates(FitConfig(learning_rate=1.0, warmup_share=0.2), 50, 51)
    assert found[:10] == sorted(found[:10])
    assert found[10] == 1.0
    assert found[30] == pytest.approx(0.5)
    assert found[50] == 0


def test_steps_lower_the_rate_every_so_many_checks() -> None:
    config = FitConfig(
        learning_rate=1.0, schedule="step", decay_factor=0.5, decay_checks=2, warmup_share=0
    )
    found = rates(config, 100, 60)
    assert found[19] == 1.0
    assert found[20] == found[39] == 0.5
    assert found[40] == 0.25


def test_without_an_end_the_rate_stays() -> None:
    assert set(rates(FitConfig(epochs=None, schedule="constant"), None, 30)) == {1e-3}
    with pytest.raises(InputError, match="a cosine comes to rest at the last step"):
        FitConfig(epochs=None)


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    config = replace(
        CONFIG, schedule="plateau", epochs=8, learning_rate=1e-9, decay_factor=0.5,
        decay_checks=2, min_delta=1.0, warmup_share=0,
    )  # fmt: skip
    folder = tmp_path / "kept"
    trained(config, records=Records(folder))
    kept = torch.load(folder / "resume.ckpt", weights_only=True)
    # Of 8 checks the first is the best by definition; of the 7 others each second one halves it.
    assert kept["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-9 * 0.5**3)


def test_the_running_mean_is_what_was_validated_and_kept() -> None:
    module, fitted = trained(replace(CONFIG, ema=0.95))
    inputs, labels = points(30, 1).__getitems__(range(30))
    with torch.inference_mode():
        loss = float(nn.functional.cross_entropy(module(inputs), labels))
    assert loss == pytest.approx(min(check.val_loss for check in fitted.history), abs=1e-5)


def test_progress_below_min_delta_is_none() -> None:
    config = replace(CONFIG, epochs=40, patience=2, learning_rate=1e-3)
    _, all_counts = trained(config)
    _, none_counts = trained(replace(config, min_delta=10.0))
    assert none_counts.steps == 3 * 6 < all_counts.steps


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("resnet18", weights=RANDOM, input_size=32),
        ModelSpec("vit_tiny_patch16_224", weights=RANDOM, model_args={"depth": 3}, input_size=32),
        ModelSpec("cnn", input_size=32),
        ModelSpec("torchvision/mobilenet_v3_small", weights=RANDOM, input_size=32),
    ],
)
def test_lower_layers_learn_more_slowly(spec: ModelSpec) -> None:
    classifier = build_model(spec, 3).classifier
    groups = build_parameter_groups(classifier, FitConfig(learning_rate=1.0, layer_decay=0.5))
    told = [weights for group in groups for weights in group["params"]]
    assert len(told) == len({id(weights) for weights in told}) == len([*classifier.parameters()])
    rate_of = {id(weights): group["lr"] for group in groups for weights in group["params"]}
    names = dict(classifier.named_parameters())
    assert rate_of[id(names["head.weight"])] == 1.0
    body = [rate_of[id(w)] for n, w in names.items() if n.startswith("backbone.")]
    assert max(body) == 0.5
    assert body[0] == min(body)
    layers = compute_layer_numbers(classifier)
    assert sorted(set(layers.values())) == list(range(max(layers.values()) + 1))


def test_frozen_weights_are_told_to_nobody() -> None:
    module = network()
    module[0].requires_grad_(False)
    groups = build_parameter_groups(module, FitConfig())
    assert sum(len(group["params"]) for group in groups) == 4


def test_frozen_parts_keep_their_statistics() -> None:
    module = network()
    module[1].requires_grad_(False)
    before = module[1].running_mean.clone()
    trained(CONFIG, module=module)
    assert torch.equal(module[1].running_mean, before)


def linear() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(8, 3)


class Hungry(nn.Module):
    """Really asks for a petabyte when it is given more images than it can take."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.inner = linear()
        self.most = most

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) > self.most:
            torch.empty(2**48)
        return self.inner(inputs)


def test_parts_add_up_to_the_whole_batch() -> None:
    whole, _ = trained(replace(CONFIG, class_weights=True, optimiser="sgd"), module=linear())
    config = replace(CONFIG, class_weights=True, optimiser="sgd", micro_batch=3)
    parts, fitted = trained(config, module=linear())
    assert fitted.micro_batch == 3
    assert torch.allclose(whole.weight, parts.weight, atol=1e-6)


def test_when_memory_runs_out_parts_are_halved_and_the_batch_stays() -> None:
    config = replace(CONFIG, optimiser="sgd", batch_size=12)
    hungry, fitted = trained(config, module=Hungry(most=4))
    whole, _ = trained(config, module=linear())
    assert fitted.micro_batch == 3
    assert fitted.steps == 4 * 5
    assert torch.allclose(hungry.inner.weight, whole.weight, atol=1e-6)


def test_memory_for_not_even_one_image_is_told() -> None:
    with pytest.raises(InputError, match="memory does not suffice for a single image"):
        trained(CONFIG, module=Hungry(most=0))


def test_another_error_is_not_taken_for_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        trained(CONFIG, module=wrong())


def wrong() -> nn.Module:
    with torch.random.fork_rng():
        return nn.Linear(7, 3)


class StoppedError(Exception):
    """What ends a training at a certain step, as a kill would."""


class StopAt(SilentProgress):
    def __init__(self, step: int) -> None:
        self.left = step

    def advance(self, count: int = 1) -> None:
        self.left -= count
        if self.left == 0:
            raise StoppedError


@pytest.mark.parametrize("step", [3, 6, 7, 17, 24])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ema": 0.9, "optimiser": "sgd"},
        {"schedule": "plateau", "decay_checks": 1, "min_delta": 0.05, "patience": 3},
        {"max_steps": 24, "optimiser": "nadam", "schedule": "step"},
    ],
)
def test_a_killed_training_goes_on_to_the_same_result(
    step: int, changed: dict[str, object], tmp_path: Path
) -> None:
    config = replace(CONFIG, **changed)
    module, fitted = trained(config)
    with pytest.raises(StoppedError):
        trained(config, records=Records(tmp_path), progress=StopAt(step))
    again, resumed = trained(config, records=Records(tmp_path))
    assert same_weights(again, module)
    assert replace(resumed, seconds=0) == replace(fitted, seconds=0)


def test_a_training_that_had_ended_is_not_begun_again(tmp_path: Path) -> None:
    config = replace(CONFIG, patience=1, min_delta=10.0)
    module, fitted = trained(config, records=Records(tmp_path))
    again, resumed = trained(config, records=Records(tmp_path), progress=StopAt(1))
    assert same_weights(again, module)
    assert replace(resumed, seconds=0) == replace(fitted, seconds=0)


class Interrupt(SilentProgress):
    """Somebody presses Ctrl-C."""

    def __init__(self, step: int) -> None:
        self.left = step

    def advance(self, count: int = 1) -> None:
        self.left -= count
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_without_an_end_patience_ends_it_or_the_user() -> None:
    endless = replace(CONFIG, epochs=None, schedule="constant")
    _, patient = trained(replace(endless, patience=2, min_delta=10.0))
    assert patient.steps == 3 * 6
    before = signal.getsignal(signal.SIGINT)
    _, stopped = trained(endless, progress=Interrupt(40))
    assert 40 <= stopped.steps <= 42
    assert stopped.history[-1].step == stopped.steps
    assert signal.getsignal(signal.SIGINT) is before


def test_float16_needs_a_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="needs a GPU"):
        trained(replace(CONFIG, precision="float16"))


@given(
    smoothing=st.floats(0, 0.9),
    weights=st.none() | st.lists(st.floats(0.1, 5), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_soft_labels_that_are_certain_are_hard_labels(
    smoothing: float, weights: list[float] | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    logits = torch.from_numpy(random.normal(0, 3, (6, 3)))
    labels = torch.from_numpy(random.integers(0, 3, 6))
    loss = CrossEntropyLoss(None if weights is None else torch.tensor(weights), smoothing)
    hard = loss.compute_per_image(logits, labels)
    soft = loss.compute_per_image(logits, nn.functional.one_hot(labels, 3).float())
    assert torch.allclose(hard, soft, atol=1e-5)
    if smoothing == 0 and weights is None:
        chosen = logits.float().log_softmax(1).gather(1, labels[:, None])[:, 0]
        assert torch.allclose(hard, -chosen, atol=1e-5)


def test_class_weights_of_soft_labels_count_shares() -> None:
    hard = np.array([0, 0, 0, 2])
    soft = np.eye(3, dtype=np.float32)[hard]
    assert torch.equal(compute_class_weights(hard, 3), compute_class_weights(soft, 3))


def test_soft_labels_are_learnt() -> None:
    hard = points(60)
    inputs, labels = hard.__getitems__(range(60))
    soft = 0.8 * np.eye(3, dtype=np.float32)[labels.numpy()] + np.float32(0.2 / 3)
    _, fitted = trained(CONFIG, train=ArrayBatches(inputs.numpy(), soft))
    assert fitted.history[-1].val_accuracy > 0.75
    assert fitted.history[-1].train_accuracy > 0.75


@pytest.mark.parametrize("make", [lambda n: Mixing(n, 0, 3), lambda n: Mixing(0, n, 3)])
@given(seed=st.integers(0, 200), alpha=st.floats(0.1, 5))
def test_mixed_images_keep_their_shares_of_classes(
    make: Callable[[float], Mixing], seed: int, alpha: float
) -> None:
    labels = torch.tensor([0, 1, 2, 1])
    images = nn.functional.one_hot(labels, 3).float()[:, :, None, None].expand(4, 3, 8, 8).clone()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mixed, targets = make(alpha)(images, labels)
    assert torch.allclose(targets.sum(1), torch.ones(4), atol=1e-5)
    # Each channel is one class here: its share of the pixels is the class's share of the target.
    assert torch.allclose(mixed.mean((2, 3)), targets, atol=1e-5)


def test_without_alphas_nothing_is_mixed() -> None:
    images, labels = torch.zeros(2, 3, 4, 4), torch.tensor([0, 1])
    assert Mixing(0, 0, 3)(images, labels) == (images, labels)


def test_a_configuration_survives_a_card() -> None:
    config = FitConfig(augmentation=AugmentationSettings(kind="geometric", rotation=5), ema=0.9)
    assert parse_record(FitConfig, json.dumps(asdict(config)).encode()) == config
    assert parse_record(FitConfig, b'{"epochs": 3, "weight_decay": 0.01}').epochs == 3


def test_a_teacher_s_shares_are_the_targets_where_soft_labels_are_asked_for() -> None:
    named = Example("x", 1, "x")
    by_teacher = Example("y", 0, "y", (0.9, 0.1, 0.0))
    soft = collect_soft_labels([named, by_teacher], 3)
    assert soft.dtype == np.float32
    assert np.allclose(soft, [[0, 1, 0], [0.9, 0.1, 0]])
    assert collect_labels([named, by_teacher]).tolist() == [1, 0]
