"""Models, features, fitting, evaluation, comparison of arms, reports."""

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from train.evaluation.intervals import (
        compute_accuracy_interval,
        compute_exact_interval,
        compute_paired_difference,
    )
    from train.evaluation.power import compute_paired_power
    from train.features.features import extract_features
    from train.fitting.fit_config import FitConfig
    from train.models.backbones import load_backbone
    from train.models.models import build_model
    from train.specs import BackboneSpec, ModelSpec

# By its path: a user's own file may stand in the place of `data_registry`, too.
_guard = runpy.run_path(f"{Path(__file__).parents[1]}/data_registry/own_packages.py")
_guard["refuse_hidden_packages"]("data_registry")

__all__ = [
    "BackboneSpec",
    "FitConfig",
    "ModelSpec",
    "build_model",
    "compute_accuracy_interval",
    "compute_exact_interval",
    "compute_paired_difference",
    "compute_paired_power",
    "extract_features",
    "load_backbone",
]
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evaluation.intervals": [
            "compute_accuracy_interval",
            "compute_exact_interval",
            "compute_paired_difference",
        ],
        "evaluation.power": ["compute_paired_power"],
        "features.features": ["extract_features"],
        "fitting.fit_config": ["FitConfig"],
        "models.backbones": ["load_backbone"],
        "models.models": ["build_model"],
        "specs": ["BackboneSpec", "ModelSpec"],
    },
)
