"""Optimisers, parameter groups and learning rate schedules."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from timm.models import group_parameters
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from train.fitting.fit_config import FitConfig

Groups = list[dict[str, Any]]

_MAKERS: Mapping[str, Callable[[Groups, FitConfig], Optimizer]] = {
    "adamw": lambda groups, _: torch.optim.AdamW(groups),
    "adam": lambda groups, _: torch.optim.Adam(groups),
    "nadam": lambda groups, _: torch.optim.NAdam(groups),
    "sgd": lambda groups, config: torch.optim.SGD(groups, momentum=config.momentum),
    "rmsprop": lambda groups, _: torch.optim.RMSprop(groups),
}


def build_optimiser(module: nn.Module, config: FitConfig) -> Optimizer:
    """Build the configured optimiser over the weights of `module` that are not frozen."""
    return _MAKERS[config.optimiser](build_parameter_groups(module, config), config)


def build_parameter_groups(module: nn.Module, config: FitConfig) -> Groups:
    """Group weights by learning rate and decay; biases and normalisation layers do not decay.

    The last layer has the whole learning rate, each below it `layer_decay` of the one above (as
    for BEiT, Bao et al. 2022).
    """
    layer_of = compute_layer_numbers(module) if config.layer_decay < 1 else {}
    last = max(layer_of.values(), default=0)
    found: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, weights in module.named_parameters():
        if weights.requires_grad:
            key = (layer_of.get(name, last), weights.ndim > 1)
            found.setdefault(key, []).append(weights)
    return [
        {
            "params": params,
            "lr": config.learning_rate * config.layer_decay ** (last - layer),
            "weight_decay": config.decay if decays else 0.0,
        }
        for (layer, decays), params in sorted(found.items(), key=lambda item: item[0])
    ]


def compute_layer_numbers(module: nn.Module) -> dict[str, int]:
    """Compute each weight's layer, counted from the input; those outside the body come last.

    timm's models say how they are layered; of others, a layer is what stands one or two names
    below the body: ``blocks.3``, ``features.0``.
    """
    body = getattr(module, "body", None)
    if not isinstance(body, nn.Module):
        return {}
    prefix = next(name for name, part in module.named_modules() if part is body)
    numbers = _read_timm_layers(body) if hasattr(body, "group_matcher") else _infer_layers(body)
    return _close_gaps({f"{prefix}.{name}": number for name, number in numbers.items()}, module)


def _read_timm_layers(body: Any) -> dict[str, float]:
    numbers: dict[str, float] = group_parameters(
        body, body.group_matcher(coarse=False), reverse=True
    )
    return numbers


def _infer_layers(body: nn.Module) -> dict[str, float]:
    names = [name for name, _ in body.named_parameters()]
    layers = [layer for layer, _ in groupby(names, key=_get_layer_name)]
    return {name: layers.index(_get_layer_name(name)) for name in names}


def _get_layer_name(name: str) -> Sequence[str]:
    return name.split(".")[:-1][:2]


def _close_gaps(numbers: Mapping[str, float], module: nn.Module) -> dict[str, int]:
    """Close gaps: layers whose weights were removed do not count."""
    names = [name for name, _ in module.named_parameters()]
    order = sorted({numbers[name] for name in names if name in numbers})
    place = {number: index for index, number in enumerate(order)}
    return {name: place[numbers[name]] if name in numbers else len(order) for name in names}


def count_warmup_steps(config: FitConfig, total_steps: int | None) -> int:
    """Count the steps in which the learning rate rises."""
    return round(config.warmup_share * (total_steps or 0))


def build_schedules(
    optimiser: Optimizer, config: FitConfig, total_steps: int | None, steps_per_check: int
) -> list[lr_scheduler.LRScheduler]:
    """Build the schedule of each step; for a plateau, its warm-up and the schedule of each check.

    Args:
        optimiser: whose groups keep their proportions.
        config: names the schedule.
        total_steps: None where the training has no end; then nothing is warmed up.
        steps_per_check: optimiser steps between two checks.
    """
    warmup = count_warmup_steps(config, total_steps)

    def compute_share(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if config.schedule == "step":
            return float(config.decay_factor ** (step // steps_per_check // config.decay_checks))
        if config.schedule == "cosine":
            way = (step - warmup) / max((total_steps or 0) - warmup, 1)
            return 0.5 * (1 + math.cos(math.pi * min(way, 1.0)))
        return 1.0

    schedules = [lr_scheduler.LambdaLR(optimiser, compute_share)]
    if config.schedule == "plateau":
        patience = config.decay_checks - 1  # torch counts the checks it lets pass
        plateau = lr_scheduler.ReduceLROnPlateau(
            optimiser,
            factor=config.decay_factor,
            patience=patience,
            threshold=config.min_delta,
            threshold_mode="abs",
            eps=0,
        )
        return [*schedules, plateau]
    return [*schedules]
