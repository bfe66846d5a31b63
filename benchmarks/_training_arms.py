"""One model trained and asked by us, by a bare PyTorch loop, and as timm's scripts do."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import timm
import timm.optim
import torch
import torch.nn.functional as F
from torch import nn

from data_registry.progress import SilentProgress
from train.data.device import select_training_dtype
from train.features.features import BATCH_SIZE, evaluate_batches
from train.fitting.batches import ArrayBatches
from train.fitting.fit import fit
from train.fitting.fit_config import FitConfig
from train.models.models import Model, build_model
from train.specs import ModelSpec

Arm = Callable[[], tuple[float, float | None]]  # images per second, and accuracy where one is told
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

_CLASSES = 4
_HELD_OUT = 256
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Task:
    """How much is trained.

    Attributes:
        side: of the images, in pixels.
        steps: optimiser steps.
        batch: images a step.
    """

    side: int
    steps: int
    batch: int

    @property
    def config(self) -> FitConfig:
        """What both we and the bare loop do."""
        return FitConfig(
            max_steps=self.steps, batch_size=self.batch, learning_rate=1e-3, patience=None
        )

    @property
    def in_float32(self) -> FitConfig:
        """The same in the number format that every chip computes in."""
        return replace(self.config, precision="float32")


def build_training_arms(name: str, task: Task) -> dict[str, Arm]:
    """Build the training arms: each trains a new model on the same pixels in memory."""
    pixels, labels = _draw_blobs(task.steps * task.batch, task.side)

    def rate(loop: Callable[[Model], float]) -> tuple[float, None]:
        return len(labels) / loop(_build_model(name, task.side)), None

    return {
        "ours": lambda: rate(lambda model: _time_fit(model, pixels, labels, task.config)),
        "ours, float32": lambda: rate(
            lambda model: _time_fit(model, pixels, labels, task.in_float32)
        ),
        "bare loop": lambda: rate(lambda model: _time_bare_loop(model, pixels, labels, task)),
        "timm": lambda: rate(lambda model: _time_timm_loop(model, pixels, labels, task)),
    }


def build_inference_arms(name: str, task: Task) -> dict[str, Arm]:
    """Build the inference arms: the same trained model, the same held-out images."""
    model = _train_model(name, task)
    pixels, labels = _draw_blobs(_HELD_OUT, task.side, seed=1)

    def batches() -> Iterator[Pixels]:
        yield from np.split(pixels, len(pixels) // BATCH_SIZE)

    def ours() -> tuple[float, float]:
        started = time.perf_counter()
        found = list(evaluate_batches(model.classifier, model.backbone.preprocessing, batches()))
        seconds = time.perf_counter() - started
        return len(labels) / seconds, float((np.concatenate(found).argmax(1) == labels).mean())

    def timm_validate() -> tuple[float, float]:
        classifier = model.classifier.eval()
        started = time.perf_counter()
        with torch.inference_mode():
            found = [
                classifier(model.backbone.preprocessing.normalise(torch.from_numpy(batch)))
                for batch in batches()
            ]
        seconds = time.perf_counter() - started
        return len(labels) / seconds, float((torch.cat(found).numpy().argmax(1) == labels).mean())

    return {"ours": ours, "timm": timm_validate}


def _time_fit(model: Model, pixels: Pixels, labels: Labels, config: FitConfig) -> float:
    started = time.perf_counter()
    fit(
        model.classifier,
        model.backbone.preprocessing.normalise,
        ArrayBatches(pixels, labels),
        None,
        class_count=_CLASSES,
        config=config,
        progress=SilentProgress(),
    )
    return time.perf_counter() - started


def _time_bare_loop(model: Model, pixels: Pixels, labels: Labels, task: Task) -> float:
    """Time the shortest loop with our settings: AdamW, cosine with warm-up, clipping."""
    config, layout = task.config, torch.channels_last
    classifier = model.classifier.train().to(memory_format=layout)
    dtype = select_training_dtype(classifier)
    optimiser = torch.optim.AdamW(
        classifier.parameters(), config.learning_rate, weight_decay=config.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=task.steps, pct_start=config.warmup_share
    )
    started = time.perf_counter()
    for images, targets in _iterate_batches(model, pixels, labels, task):
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = F.cross_entropy(classifier(images.contiguous(memory_format=layout)), targets)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(classifier.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
    return time.perf_counter() - started


def _time_timm_loop(model: Model, pixels: Pixels, labels: Labels, task: Task) -> float:
    """Time the defaults of timm's train script: SGD with Nesterov's momentum, float32."""
    classifier = model.classifier.train()
    optimiser = timm.optim.create_optimizer_v2(classifier, opt="sgd", lr=0.05, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    started = time.perf_counter()
    for images, targets in _iterate_batches(model, pixels, labels, task):
        loss = loss_of(classifier(images), targets)
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        loss.item()
    return time.perf_counter() - started


def _iterate_batches(
    model: Model, pixels: Pixels, labels: Labels, task: Task
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = np.random.default_rng(0).permutation(len(labels))
    for rows in np.split(order, task.steps):
        images = model.backbone.preprocessing.normalise(torch.from_numpy(pixels[rows]))
        yield images, torch.from_numpy(labels[rows])


def _build_model(name: str, side: int) -> Model:
    weights = None if name == "cnn" else "random"
    return build_model(ModelSpec(name, weights=weights, input_size=side), _CLASSES)


@cache
def _train_model(name: str, task: Task) -> Model:
    model = _build_model(name, task.side)
    _time_fit(model, *_draw_blobs(task.steps * task.batch, task.side), task.config)
    return model


def _draw_blobs(count: int, side: int, seed: int = 0) -> tuple[Pixels, Labels]:
    """Draw noise with a bright spot in one of four corners, which is the class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, _CLASSES, count)
    pixels = random.integers(0, 128, (count, 3, side, side), dtype=np.uint8)
    half = side // 2
    for place, label in enumerate(labels):
        top, left = divmod(int(label), 2)
        pixels[place, :, top * half : (top + 1) * half, left * half : (left + 1) * half] += 64
    return pixels, labels
